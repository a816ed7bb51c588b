import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { definePrompt, defineResourceTemplate, type RequestEvent } from '../src/index.js'
import { ask, eras } from './asking.js'
import { clients, serve } from './support.js'

const owned: Record<string, string[]> = { alice: ['alpha', 'able'], bob: ['beta'] }
const prompts = [
  definePrompt({
    name: 'translate',
    input: z.object({
      language: z.enum(['German', 'Greek', 'French']),
      region: z.string().optional(),
      many: z.string().optional(),
    }),
    complete: {
      region: (typed, { arguments: { language } }) => [`${typed}-${language}`],
      many: () => Array.from({ length: 250 }, (_, index) => `v${index}`),
    },
    run: () => '',
  }),
  definePrompt({
    name: 'secret',
    scopes: ['admin'],
    input: z.object({ key: z.string() }),
    complete: { key: () => ['hunter2'] },
    run: () => '',
  }),
  definePrompt({
    name: 'broken',
    input: z.object({ a: z.string(), b: z.string() }),
    complete: {
      a: () => {
        throw new Error('password=hunter2')
      },
      b: () => [{ secret: 'hunter2' }] as never,
    },
    run: () => '',
  }),
]
const resources = [
  defineResourceTemplate({
    name: 'project',
    uriTemplate: 'projects://{id}',
    complete: {
      id: (typed, { principal }) =>
        (owned[principal?.id ?? ''] ?? []).filter((id) => id.startsWith(typed)),
    },
    run: () => '',
  }),
  defineResourceTemplate({
    name: 'vault',
    uriTemplate: 'vault://{key}',
    scopes: ['admin'],
    complete: { key: () => ['hunter2'] },
    run: () => '',
  }),
]

async function open(scopes: string[] = []) {
  const requests: RequestEvent[] = []
  const onRequest = (event: RequestEvent) => requests.push(event)
  return { ...(await serve([], { prompts, resources, onRequest }, scopes)), requests }
}
const prompt = (name: string) => ({ type: 'ref/prompt' as const, name })
const template = (uri: string) => ({ type: 'ref/resource' as const, uri })

describe.each(clients)('completion, %s', (_, connect) => {
  it('goes on from what was typed, by the owner’s function or the schema', async () => {
    const client = await connect((await open()).url)
    const values = async (ref: object, name: string, value: string, args?: object) => {
      const context = args && { arguments: args }
      const params = { ref, argument: { name, value }, ...(context && { context }) }
      return (await client.complete(params as never)).completion
    }
    expect(await values(prompt('translate'), 'language', 'g')).toEqual({
      values: ['German', 'Greek'],
      total: 2,
      hasMore: false,
    })
    const filled = { language: 'Greek' }
    expect((await values(prompt('translate'), 'region', 'x', filled)).values).toEqual(['x-Greek'])
    expect((await values(template('projects://{id}'), 'id', 'al')).values).toEqual(['alpha'])
    const many = await values(prompt('translate'), 'many', '')
    expect([many.values.length, many.total, many.hasMore]).toEqual([100, 250, true])
    for (const name of ['none', '__proto__', 'constructor'])
      expect((await values(prompt('translate'), name, '')).values).toEqual([])
  })
})

describe.each(eras)('completion, %s era', (era) => {
  const complete = (url: URL, ref: object, name: string) =>
    ask(url, era, 'completion/complete', { ref, argument: { name, value: '' } })

  it('tells nobody what it may not read', async () => {
    const { url, requests } = await open()
    const refs = [prompt('secret'), template('vault://{key}'), template('vault://hunter2')] as const
    for (const ref of refs) {
      const { error, text } = await complete(url, ref, 'key')
      expect(error).toMatchObject({ code: 403, data: { requiredScopes: ['admin'] } })
      expect(text).not.toContain('hunter2')
    }
    expect(requests.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['prompt:secret', 'denied'],
      ['resource:vault', 'denied'],
      ['resource:vault', 'denied'],
    ])
    const { url: own } = await open(['admin'])
    expect((await complete(own, prompt('secret'), 'key')).text).toContain('hunter2')
  })

  it('knows nothing of what does not exist', async () => {
    const { url } = await open()
    for (const ref of [prompt('none'), prompt('__proto__'), template('x://{y}'), template('')])
      expect((await complete(url, ref, 'key')).error?.code).toBe(-32602)
  })

  it('never shows the text of an error', async () => {
    const { url } = await open()
    for (const name of ['a', 'b']) {
      const { error, text } = await complete(url, prompt('broken'), name)
      expect(error?.code).toBe(-32603)
      expect(text).not.toContain('hunter2')
    }
  })
})
