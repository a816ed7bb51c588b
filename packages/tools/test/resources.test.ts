import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  defineResource,
  defineResourceTemplate,
  type RequestEvent,
  ResourceNotFoundError,
  ToolError,
} from '../src/index.js'
import { ask, eras } from './asking.js'
import { clients, serve } from './support.js'

const icons = [{ src: 'https://example.com/a.png', mimeType: 'image/png' }]
const annotations = { audience: ['user' as const], priority: 0.8 }
const resources = [
  defineResource({
    name: 'settings',
    title: 'Settings',
    uri: 'config://app',
    description: 'What it runs with',
    mimeType: 'application/json',
    size: 2,
    icons,
    annotations,
    run: ({ uri }, { principal }) => JSON.stringify({ uri, who: principal?.id }),
  }),
  defineResource({ name: 'logo', uri: 'img://logo', run: () => new Uint8Array([0, 255, 7]) }),
  defineResource({
    name: 'both',
    uri: 'config://both',
    run: () => ({
      contents: [
        { uri: 'config://a', text: 'a' },
        { uri: 'config://b', blob: 'Yg==' },
      ],
    }),
  }),
  defineResource({
    name: 'secret',
    uri: 'vault://key',
    scopes: ['vault:read'],
    run: () => 'hunter2',
  }),
  defineResourceTemplate({
    name: 'doc',
    uriTemplate: 'docs://{project}/{+path}',
    mimeType: 'text/markdown',
    run: ({ uri, variables: { project, path } }) => `${uri} ${project} ${path}`,
  }),
  defineResourceTemplate({
    name: 'order',
    uriTemplate: 'orders://{id}{?year,page}',
    variables: z.object({ id: z.coerce.number().int(), year: z.string().optional() }),
    run: ({ variables: { id, year } }) => `order ${id + 1} of ${year}`,
  }),
  defineResource({
    name: 'broken',
    uri: 'err://broken',
    run: () => {
      throw new Error('password=hunter2')
    },
  }),
  defineResource({
    name: 'gone',
    uri: 'err://gone',
    run: () => {
      throw new ResourceNotFoundError('row 17 of table secrets')
    },
  }),
  defineResource({
    name: 'wrong',
    uri: 'err://wrong',
    run: () => {
      throw new ToolError('Come back tomorrow')
    },
  }),
  defineResource({
    name: 'slow',
    uri: 'err://slow',
    timeoutMs: 50,
    run: () => new Promise<string>(() => {}),
  }),
  defineResource({
    name: 'empty',
    uri: 'err://empty',
    run: () => ({ contents: [] }),
  }),
]

function open(scopes: string[] = [], options = {}) {
  const requests: RequestEvent[] = []
  const onRequest = (event: RequestEvent) => requests.push(event)
  return serve([], { resources, onRequest, ...options }, scopes).then((served) => ({
    ...served,
    requests,
  }))
}

describe.each(clients)('resources, %s', (_, connect) => {
  it('are listed with what the protocol has for them, templates apart', async () => {
    const client = await connect((await open()).url)
    const { resources: listed } = await client.listResources()
    expect(listed.map(({ name }) => name)).toEqual([
      'settings',
      'logo',
      'both',
      'secret',
      'broken',
      'gone',
      'wrong',
      'slow',
      'empty',
    ])
    expect(listed[0]).toEqual({
      uri: 'config://app',
      name: 'settings',
      title: 'Settings',
      description: 'What it runs with',
      mimeType: 'application/json',
      size: 2,
      icons,
      annotations,
    })
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates).toEqual([
      { uriTemplate: 'docs://{project}/{+path}', name: 'doc', mimeType: 'text/markdown' },
      { uriTemplate: 'orders://{id}{?year,page}', name: 'order' },
    ])
  })

  it('are read as text, bytes or several contents', async () => {
    const client = await connect((await open()).url)
    const read = async (uri: string) => (await client.readResource({ uri })).contents
    expect(await read('config://app')).toEqual([
      {
        uri: 'config://app',
        mimeType: 'application/json',
        text: '{"uri":"config://app","who":"alice"}',
      },
    ])
    expect(await read('img://logo')).toEqual([{ uri: 'img://logo', blob: 'AP8H' }])
    expect(await read('config://both')).toHaveLength(2)
    expect(await read('docs://a%20b/c/d.md')).toEqual([
      {
        uri: 'docs://a%20b/c/d.md',
        mimeType: 'text/markdown',
        text: 'docs://a%20b/c/d.md a b c/d.md',
      },
    ])
    expect(await read('orders://41?year=2026')).toMatchObject([{ text: 'order 42 of 2026' }])
    expect(await read('orders://41')).toMatchObject([{ text: 'order 42 of undefined' }])
  })

  it('that do not exist are an error of the protocol, which the client knows', async () => {
    const client = await connect((await open()).url)
    for (const uri of ['config://none', 'orders://x', 'err://gone', 'config://app#x', 'orders://'])
      await expect(client.readResource({ uri })).rejects.toMatchObject({
        code: -32602,
        data: { uri },
      })
  })
})

describe.each(eras)('a read, %s era', (era) => {
  const read = (url: URL, uri: string) => ask(url, era, 'resources/read', { uri })

  it('needs the scopes of its resource, and says which', async () => {
    const denied = await read((await open()).url, 'vault://key')
    expect(denied.error).toMatchObject({ code: 403, data: { requiredScopes: ['vault:read'] } })
    expect(denied.text).not.toContain('hunter2')
    const allowed = await read((await open(['vault:read'])).url, 'vault://key')
    expect(allowed.result.contents[0].text).toBe('hunter2')
  })

  it('never shows the text of an error, but that of a ToolError', async () => {
    const { url, logger } = await open()
    const broken = await read(url, 'err://broken')
    expect(broken.error?.code).toBe(-32603)
    expect(broken.text).not.toContain('hunter2')
    const correlationId = broken.error?.data?.correlationId
    expect(logger.error).toHaveBeenCalledWith(
      'tool failed',
      expect.objectContaining({ correlationId, resource: 'broken' }),
    )
    expect((await read(url, 'err://gone')).text).not.toContain('secrets')
    expect((await read(url, 'err://empty')).error?.code).toBe(-32603)
    const wrong = await read(url, 'err://wrong')
    expect(wrong.error).toMatchObject({ code: 422, message: 'Come back tomorrow' })
    expect((await read(url, 'err://slow')).error).toMatchObject({ code: 504 })
  })

  it('is told of by a name of a closed list, whatever the URI', async () => {
    const { url, requests } = await open()
    for (const uri of ['config://app', 'docs://a/b', 'err://slow', 'vault://key', 'x://u:pw@h/p'])
      await read(url, uri)
    expect(
      requests.map(({ method, name, asked, outcome }) => [method, name, asked, outcome]),
    ).toEqual([
      ['resources/read', 'resource:settings', 'config://app', 'ok'],
      ['resources/read', 'resource:doc', 'docs://a/b', 'ok'],
      ['resources/read', 'resource:slow', 'err://slow', 'timeout'],
      ['resources/read', 'resource:secret', 'vault://key', 'denied'],
      ['resources/read', undefined, 'x://h/p', 'not_found'],
    ])
  })
})

it('keeps one caller from what another may read, in caches as well', async () => {
  const cached = [
    defineResource({
      name: 'open',
      uri: 'c://open',
      ttlMs: 60_000,
      cacheScope: 'public',
      run: () => 'x',
    }),
    defineResource({
      name: 'own',
      uri: 'c://own',
      ttlMs: 5,
      run: () => ({ contents: [{ uri: 'c://own', text: 'x' }], ttlMs: 7, cacheScope: 'public' }),
    }),
    defineResource({
      name: 'scoped',
      uri: 'c://scoped',
      scopes: ['a'],
      run: () => ({ contents: [{ uri: 'c://s', text: 'x' }], cacheScope: 'public' }),
    }),
    defineResource({ name: 'plain', uri: 'c://plain', run: () => 'x' }),
  ]
  const { url } = await serve([], { resources: cached }, ['a'])
  const fields = async (uri: string) => {
    const { result } = await ask(url, 'modern', 'resources/read', { uri })
    return [result.ttlMs, result.cacheScope]
  }
  expect(await fields('c://open')).toEqual([60_000, 'public'])
  expect(await fields('c://own')).toEqual([7, 'public'])
  expect(await fields('c://scoped')).toEqual([0, 'private'])
  expect(await fields('c://plain')).toEqual([0, 'private'])
  const before = await ask(url, 'legacy', 'resources/read', { uri: 'c://own' })
  expect(before.text).not.toContain('ttlMs')
  expect(before.text).not.toContain('cacheScope')
  expect(() =>
    defineResource({ name: 'x', uri: 'c://x', scopes: ['a'], cacheScope: 'public', run: () => '' }),
  ).toThrow(/cacheScope of resource "x" must be private/)
})

it('keeps what several templates match from whom one of them keeps it, and what is permitted one by one', async () => {
  const run = () => 'x'
  const contents = [{ uri: 'd://x', text: 'x' }]
  const permits = () => true
  const resources = [
    defineResourceTemplate({
      name: 'any',
      uriTemplate: 'd://{+path}',
      ttlMs: 60_000,
      cacheScope: 'public',
      run,
    }),
    defineResourceTemplate({ name: 'some', uriTemplate: 'd://secret/{id}', scopes: ['a'], run }),
    defineResourceTemplate({
      name: 'own',
      uriTemplate: 'own://{id}',
      permits,
      run: () => ({ contents, cacheScope: 'public' }),
    }),
  ]
  const { url } = await serve([], { resources }, ['a'])
  const scopeOf = async (uri: string) =>
    (await ask(url, 'modern', 'resources/read', { uri })).result.cacheScope
  expect(await scopeOf('d://open/1')).toBe('public')
  expect(await scopeOf('d://secret/1')).toBe('private')
  expect(await scopeOf('own://1')).toBe('private')
  const shared = { uriTemplate: 'p://{id}', cacheScope: 'public', permits, run } as const
  expect(() => defineResourceTemplate({ name: 'p', ...shared })).toThrow(
    /cacheScope of resource template "p" must be private: it has permits/,
  )
})

it('shows in lists only what the caller may use, where that is asked for', async () => {
  for (const era of eras) {
    for (const [scopes, shown] of [
      [[], false],
      [['vault:read'], true],
    ] as const) {
      const { url } = await open([...scopes], { listOnlyCallable: true })
      const { text } = await ask(url, era, 'resources/list', {})
      expect(text.includes('vault://key')).toBe(shown)
      if (era === 'modern') expect(text).toContain('"cacheScope":"private"')
    }
  }
})

it('has no resource methods where there are no resources', async () => {
  const { url } = await serve([])
  for (const era of eras) {
    const { error } = await ask(url, era, 'resources/list', {})
    expect(error?.code).toBe(-32601)
  }
})
