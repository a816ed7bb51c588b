import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { definePrompt, type RequestEvent, ToolError } from '../src/index.js'
import { ask, eras } from './asking.js'
import { clients, serve } from './support.js'

const icons = [{ src: 'https://example.com/a.png' }]
const prompts = [
  definePrompt({ name: 'hello', run: () => 'Say hello' }),
  definePrompt({
    name: 'review',
    title: 'Review',
    description: 'Reviews code',
    icons,
    input: z.object({
      code: z.string().describe('what to review'),
      lines: z.coerce.number<string>().int().optional(),
    }),
    run: ({ code, lines = 1 }, { principal }) => ({
      messages: [
        {
          role: 'user',
          content: { type: 'text', text: `${principal?.id}: ${code} ${lines + 1}` },
        },
        { role: 'assistant', content: { type: 'resource_link', uri: 'a://b', name: 'b' } },
      ],
    }),
  }),
  definePrompt({ name: 'secret', scopes: ['admin'], run: () => 'hunter2' }),
  definePrompt({
    name: 'broken',
    run: () => {
      throw new Error('password=hunter2')
    },
  }),
  definePrompt({
    name: 'wrong',
    run: () => {
      throw new ToolError('Not today')
    },
  }),
  definePrompt({ name: 'shapeless', run: () => ({ messages: 'hunter2' }) as never }),
]

async function open(scopes: string[] = [], options = {}) {
  const requests: RequestEvent[] = []
  const onRequest = (event: RequestEvent) => requests.push(event)
  return { ...(await serve([], { prompts, onRequest, ...options }, scopes)), requests }
}

describe.each(clients)('prompts, %s', (_, connect) => {
  it('are listed with their arguments', async () => {
    const client = await connect((await open()).url)
    const { prompts: listed } = await client.listPrompts()
    expect(listed.map(({ name }) => name)).toEqual(prompts.map(({ name }) => name))
    expect(listed[1]).toEqual({
      name: 'review',
      title: 'Review',
      description: 'Reviews code',
      icons,
      arguments: [
        { name: 'code', description: 'what to review', required: true },
        { name: 'lines', required: false },
      ],
    })
  })

  it('are given as messages, with arguments as the schema has them', async () => {
    const client = await connect((await open()).url)
    const hello = await client.getPrompt({ name: 'hello' })
    expect(hello.messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Say hello' } }])
    const args = { code: 'x', lines: '41' }
    const review = await client.getPrompt({ name: 'review', arguments: args })
    expect(review.description).toBe('Reviews code')
    expect(review.messages).toMatchObject([
      { content: { text: 'alice: x 42' } },
      { content: { type: 'resource_link' } },
    ])
  })

  it('refuse wrong arguments without repeating them, and unknown names', async () => {
    const client = await connect((await open()).url)
    const wrong = client.getPrompt({ name: 'review', arguments: { lines: 'hunter2' } })
    await expect(wrong).rejects.toMatchObject({ code: -32602 })
    await expect(wrong).rejects.toThrow(/Invalid arguments for prompt review: .*code/)
    await expect(wrong).rejects.not.toThrow(/hunter2/)
    for (const name of ['none', '__proto__', 'constructor', 'toString'])
      await expect(client.getPrompt({ name })).rejects.toMatchObject({ code: -32602 })
  })
})

describe.each(eras)('a prompt, %s era', (era) => {
  const get = (url: URL, name: string, args?: object) =>
    ask(url, era, 'prompts/get', { name, ...(args && { arguments: args }) })

  it('needs its scopes', async () => {
    const denied = await get((await open()).url, 'secret')
    expect(denied.error).toMatchObject({ code: 403, data: { requiredScopes: ['admin'] } })
    expect((await get((await open(['admin'])).url, 'secret')).text).toContain('hunter2')
  })

  it('never shows the text of an error, but that of a ToolError', async () => {
    const { url } = await open()
    for (const name of ['broken', 'shapeless']) {
      const { error, text } = await get(url, name)
      expect(error?.code).toBe(-32603)
      expect(text).not.toContain('hunter2')
    }
    expect((await get(url, 'wrong')).error).toMatchObject({ code: 422, message: 'Not today' })
  })

  it('is told of by its label, and what does not exist by none', async () => {
    const { url, requests, events } = await open()
    await get(url, 'hello')
    await get(url, 'secret')
    await get(url, 'review', { lines: 'x' })
    await get(url, 'n'.repeat(1000))
    expect(requests.map(({ method, name, outcome }) => [method, name, outcome])).toEqual([
      ['prompts/get', 'prompt:hello', 'ok'],
      ['prompts/get', 'prompt:secret', 'denied'],
      ['prompts/get', 'prompt:review', 'invalid_input'],
      ['prompts/get', undefined, 'not_found'],
    ])
    expect(requests[3]?.asked.length).toBeLessThan(300)
    // The hook for tools hears nothing of prompts.
    expect(events).toEqual([])
  })

  it('is shown only to who may use it, where that is asked for', async () => {
    const { url } = await open([], { listOnlyCallable: true })
    expect((await ask(url, era, 'prompts/list', {})).text).not.toContain('"secret"')
    const { url: own } = await open(['admin'], { listOnlyCallable: true })
    expect((await ask(own, era, 'prompts/list', {})).text).toContain('"secret"')
  })
})

it.each<[object, string]>([
  [{ name: 'a b', run: () => '' }, 'prompt name "a b"'],
  [
    { name: 'a', input: z.object({ n: z.array(z.string()) }), run: () => '' },
    'argument n of prompt "a"',
  ],
  [{ name: 'a', complete: { x: () => [] }, run: () => '' }, 'no argument of it'],
  [{ name: 'a', timeoutMs: 0, run: () => '' }, 'timeoutMs of prompt "a"'],
  [{ name: 'a', weight: -1, run: () => '' }, 'weight of prompt "a"'],
])('refuses a bad definition (%#)', (definition, problem) => {
  expect(() => definePrompt(definition as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_TOOLS_OPTION',
      message: expect.stringContaining(problem),
    }),
  )
})
