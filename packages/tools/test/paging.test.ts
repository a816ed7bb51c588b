import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  definePrompt,
  defineResource,
  defineResourceTemplate,
  defineTool,
  type ToolServerOptions,
} from '../src/index.js'
import { ask, eras } from './asking.js'
import { clients, serve } from './support.js'

const numbers = Array.from({ length: 7 }, (_, index) => index)
const scopesOf = (index: number) => (index % 2 ? ['odd'] : [])
const tools = numbers.map((index) =>
  defineTool({
    name: `t${index}`,
    description: 'One of many',
    input: z.object({}),
    scopes: scopesOf(index),
    run: () => '',
  }),
)
const prompts = numbers.map((index) => definePrompt({ name: `p${index}`, run: () => '' }))
const asked: (string | undefined)[] = []
const resources = [
  ...numbers.slice(0, 3).map((index) =>
    defineResource({
      name: `r${index}`,
      uri: `fixed://${index}`,
      scopes: scopesOf(index),
      run: () => '',
    }),
  ),
  defineResourceTemplate({
    name: 'whole',
    uriTemplate: 'whole://{id}',
    list: () => numbers.slice(0, 5).map((id) => ({ name: `w${id}`, uri: `whole://${id}` })),
    run: () => '',
  }),
  defineResourceTemplate({
    name: 'paged',
    uriTemplate: 'paged://{id}',
    list({ cursor }) {
      asked.push(cursor)
      const start = Number(cursor ?? 0)
      const page = numbers
        .slice(start, start + 2)
        .map((id) => ({ name: 'p', uri: `paged://${id}` }))
      return { resources: page, ...(start + 2 < 4 && { nextCursor: String(start + 2) }) }
    },
    run: () => '',
  }),
  defineResourceTemplate({
    name: 'private',
    uriTemplate: 'private://{id}',
    scopes: ['admin'],
    list: () => [{ name: 'salaries', uri: 'private://salaries' }],
    run: () => '',
  }),
  defineResourceTemplate({
    name: 'lost',
    uriTemplate: 'lost://{id}',
    list: () => [
      { name: 'outside', uri: 'file:///etc/passwd' },
      { name: 'inside', uri: 'lost://in' },
      { name: 'up', uri: 'lost://..' },
      { name: 'stranger', uri: 'private://x' },
      undefined as never,
    ],
    run: () => '',
  }),
]
/** Without those whose pages end ours. */
const unpaged = { resources: resources.filter(({ name }) => name !== 'paged'), listPageSize: 100 }
const open = (options: Partial<ToolServerOptions> = {}, scopes: string[] = []) =>
  serve(tools, { prompts, resources, listPageSize: 3, ...options }, scopes)

const lists = [
  ['tools/list', 'tools', (): string[] => tools.map(({ name }) => name)],
  ['prompts/list', 'prompts', (): string[] => prompts.map(({ name }) => name)],
] as const

async function pages(url: URL, era: (typeof eras)[number], method: string, member: string) {
  const found: string[][] = []
  let cursor: string | undefined
  do {
    const { result } = await ask(url, era, method, cursor === undefined ? {} : { cursor })
    found.push(result[member].map(({ name }: { name: string }) => name))
    cursor = result.nextCursor
  } while (cursor !== undefined && found.length < 50)
  return found
}

describe.each(eras)('pages, %s era', (era) => {
  it.each(lists)(
    'of %s have all entries once, and no more each than asked for',
    async (...list) => {
      const [method, member, names] = list
      const found = await pages((await open()).url, era, method, member)
      expect(found.map((page) => page.length)).toEqual([3, 3, 1])
      expect(found.flat()).toEqual(names())
    },
  )

  it('of resources go on through what templates list, with their own cursors', async () => {
    asked.length = 0
    const found = await pages((await open()).url, era, 'resources/list', 'resources')
    const all = ['r0', 'r1', 'r2', 'w0', 'w1', 'w2', 'w3', 'w4', 'p', 'p', 'p', 'p', 'inside']
    expect(found.flat()).toEqual(all)
    for (const page of found) expect(page.length).toBeLessThanOrEqual(3)
    expect(asked).toContain('2')
  })

  it('show only what is callable, in full pages', async () => {
    const { url } = await open({ listOnlyCallable: true })
    const found = await pages(url, era, 'tools/list', 'tools')
    expect(found).toEqual([['t0', 't2', 't4'], ['t6']])
  })

  it('refuse a cursor that this server never gave', async () => {
    const { url } = await open()
    const { result } = await ask(url, era, 'tools/list', {})
    const own: string = result.nextCursor
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const cursors = [
      '',
      'x',
      `${own}=`,
      ` ${own}`,
      own.slice(0, -2),
      own.repeat(2000),
      forged(['tools', -1]),
      forged(['tools', 99]),
      forged(['tools', 1.5]),
      forged(['tools', '3']),
      forged(['tools', 3, 3]),
      forged(['prompts', 3]),
      forged({ 0: 'tools', 1: 3 }),
      forged(['tools']),
      forged('tools'),
      forged(null),
    ]
    for (const cursor of cursors) {
      const { error, text } = await ask(url, era, 'tools/list', { cursor })
      expect(error, cursor.slice(0, 50)).toMatchObject({ code: -32602, message: 'Invalid cursor' })
      expect(text.length).toBeLessThan(500)
    }
    expect((await ask(url, era, 'prompts/list', { cursor: own })).error?.code).toBe(-32602)
    for (const position of [[9, 0], [0, -1], ['0', 0], [1, 0, 7], [1, 0, 'a', 'b'], [1], []]) {
      const cursor = forged(['resources', ...position])
      expect((await ask(url, era, 'resources/list', { cursor })).error?.code).toBe(-32602)
    }
  })
})

describe.each(clients)('with a real client, %s', (_, connect) => {
  it('every page is got by its cursor', async () => {
    const client = await connect((await open()).url)
    const names: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.listTools(cursor === undefined ? {} : { cursor })
      names.push(...page.tools.map(({ name }) => name))
      cursor = page.nextCursor
    } while (cursor !== undefined && names.length < 50)
    expect(new Set(names)).toEqual(new Set(tools.map(({ name }) => name)))
  })
})

it('lists what a template has only to who holds its scopes, whatever the list shows', async () => {
  for (const era of eras) {
    const { url } = await open(unpaged)
    const { text } = await ask(url, era, 'resources/list', {})
    expect(text).not.toContain('salaries')
    const { url: own } = await open(unpaged, ['admin'])
    expect((await ask(own, era, 'resources/list', {})).text).toContain('salaries')
  }
})

it('lists nothing that could not be read, and says so', async () => {
  const { url, logger } = await open(unpaged)
  const { text } = await ask(url, 'legacy', 'resources/list', {})
  expect(text).toContain('lost://in')
  for (const hidden of ['passwd', 'lost://..', 'stranger']) expect(text).not.toContain(hidden)
  expect(logger.warn).toHaveBeenCalledWith(
    'a listed resource has no name, or a URI that is not of its template',
    { resource: 'lost' },
  )
})

it('gives a masked error when a template’s list fails', async () => {
  const broken = defineResourceTemplate({
    name: 'broken',
    uriTemplate: 'b://{id}',
    list: () => {
      throw new Error('password=hunter2')
    },
    run: () => '',
  })
  const { url } = await serve([], { resources: [broken] })
  const { error, text } = await ask(url, 'modern', 'resources/list', {})
  expect(error?.code).toBe(-32603)
  expect(text).not.toContain('hunter2')
})

describe('cacheHints', () => {
  it('say how long a list may be kept, and by whom', async () => {
    const cacheHints = { 'tools/list': { ttlMs: 5, cacheScope: 'public' as const } }
    const { url } = await serve(tools, { cacheHints })
    const { result } = await ask(url, 'modern', 'tools/list', {})
    expect(result).toMatchObject({ ttlMs: 5, cacheScope: 'public' })
    const discovered = await ask(url, 'modern', 'server/discover', {})
    expect(discovered.result).toMatchObject({ ttlMs: 0, cacheScope: 'private' })
  })

  it.each([
    [{ 'tools/list': { cacheScope: 'public' } }, { listOnlyCallable: true }],
    [{ 'resources/list': { cacheScope: 'public' } }, { resources }],
    [{ 'tools/list': { ttlMs: -1 } }, {}],
    [{ 'tools/list': { cacheScope: 'everybody' } }, {}],
    [{ 'tools/call': { ttlMs: 1 } }, {}],
  ])('must not share what depends on the caller, nor be nonsense: %j', async (hints, options) => {
    const opened = serve(tools, { cacheHints: hints as never, ...options })
    await expect(opened).rejects.toMatchObject({ code: 'ERR_TOOLS_OPTION' })
  })
})
