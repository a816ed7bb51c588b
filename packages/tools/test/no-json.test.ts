/** What JSON cannot hold is the owner's fault: masked like any other, instead of never answered. */
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  definePrompt,
  defineResource,
  defineResourceTemplate,
  defineTool,
  type ResourcePage,
} from '../src/index.js'
import { ask, eras } from './asking.js'
import { serve } from './support.js'

const asksBack = () => ({
  resultType: 'input_required' as const,
  inputRequests: { sure: { method: 'elicitation/create', params: { message: 10n } } } as never,
})
const tools = [
  defineTool({ name: 'tool', description: 'Asks', input: z.object({}), run: asksBack }),
]
const prompts = [
  definePrompt({ name: 'prompt', run: asksBack }),
  definePrompt({
    name: 'sized',
    run: () => ({ messages: [], _meta: { size: 10n } }),
  }),
]
const fixed = [
  defineResource({ name: 'asks', uri: 'a://asks', run: asksBack }),
  defineResource({
    name: 'sized',
    uri: 'a://sized',
    run: () => ({ contents: [{ uri: 'a://sized', text: '', _meta: { size: 10n } }] }),
  }),
]
const entry = { uri: 't://1', name: '1' }
const circle: Record<string, unknown> = {}
circle.self = circle
const lists: [string, () => unknown][] = [
  ['a number too big', () => [{ ...entry, size: 10n }]],
  ['a circle', () => [{ ...entry, _meta: circle }]],
  ['what fails to be written', () => [{ ...entry, toJSON: () => JSON.parse('password=hunter2') }]],
  ['a cursor', () => ({ resources: [entry], nextCursor: 10n })],
]

describe.each(eras)('in the %s era', (era) => {
  it.each(lists)('a list of a template with %s', async (_, list) => {
    const template = defineResourceTemplate({
      name: 't',
      uriTemplate: 't://{id}',
      list: list as () => ResourcePage,
      run: () => '',
    })
    const { url, logger } = await serve([], { resources: [template] })
    const { error, text } = await ask(url, era, 'resources/list', {})
    expect(error).toMatchObject({ code: -32603, message: expect.stringContaining('correlation') })
    expect(text).not.toContain('hunter2')
    expect(logger.error).toHaveBeenCalledWith('tool failed', expect.anything())
  })

  it.each([
    ['tools/call', { name: 'tool', arguments: {} }],
    ['prompts/get', { name: 'prompt' }],
    ['prompts/get', { name: 'sized' }],
    ['resources/read', { uri: 'a://asks' }],
    ['resources/read', { uri: 'a://sized' }],
  ])('%s of %j', async (method, params) => {
    const { url } = await serve(tools, { prompts, resources: fixed })
    const { error } = await ask(url, era, method, params)
    expect(error).toMatchObject({ code: -32603, message: expect.stringContaining('correlation') })
  })
})

it('a line for the client is lost, and its call is answered', async () => {
  const logs = defineTool({
    name: 'logs',
    description: 'Logs',
    input: z.object({}),
    async run(_input, { clientLog, progress }) {
      await clientLog('error', { size: 10n })
      await progress(1, 10n as never)
      return 'done'
    },
  })
  const { url } = await serve([logs])
  for (const era of eras) {
    const _meta = { progressToken: 1 }
    const { result } = await ask(url, era, 'tools/call', { name: 'logs', arguments: {}, _meta })
    expect(result?.content).toEqual([{ type: 'text', text: 'done' }])
  }
})
