import express from 'express'
import { describe, expect, it } from 'vitest'
import { jsonBody } from '../src/index.js'
import { echoApp, listen, post } from './support.js'

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** Merges as many a library once did, and as handlers still do by hand. */
function merge(target: Fields, source: Fields): Fields {
  for (const key of Object.keys(source)) {
    const [old, value] = [target[key], source[key]]
    const into = isFields(old) || typeof old === 'function'
    if (into && isFields(value)) merge(old as Fields, value)
    else target[key] = value
  }
  return target
}

/** Posts arguments to a tool that copies and merges them, and answers with what an object then seems to have. */
async function polluted(members: string) {
  const app = express()
  app.post('/', jsonBody(), (req, res) => {
    const { arguments: given } = req.body.params
    try {
      const copy = Object.assign({}, given)
      merge({}, given)
      res.json({ copied: copy.admin ?? null, merged: ({} as Fields).admin ?? null, given })
    } finally {
      delete (Object.prototype as Fields).admin
    }
  })
  const { url } = await listen(app)
  const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":${members}}}`
  return (await post(url, body)).body as unknown
}

describe('a handler that copies or merges what it was sent', () => {
  it.each([
    ['__proto__', '{"__proto__":{"admin":true},"a":1}'],
    ['__proto__ in escapes', String.raw`{"\u005f_proto__":{"admin":true},"a":1}`],
    [
      '__proto__ wholly in escapes, of both cases',
      String.raw`{"\u005F\u005f\u0070\u0072\u006F\u0074\u006f\u005F\u005f" :${' \n\t'}{"admin":true},"a":1}`,
    ],
    ['constructor.prototype', '{"constructor":{"prototype":{"admin":true}},"a":1}'],
    [
      'constructor.prototype in escapes',
      String.raw`{"\u0063onstruct\u006Fr":{"pr\u006ftotype":{"admin":true}},"a":1}`,
    ],
    ['the second of two equal keys', '{"__proto__":1,"a":1,"__proto__":{"admin":true}}'],
    ['the first of two equal keys', '{"__proto__":{"admin":true},"a":1,"__proto__":1}'],
    [
      'a constructor given twice',
      '{"constructor":1,"a":1,"constructor":{"prototype":{"admin":true}}}',
    ],
  ])('finds no prototype polluted by %s', async (_, members) => {
    expect(await polluted(members)).toEqual({ copied: null, merged: null, given: { a: 1 } })
  })
})

describe('a body', () => {
  const poison = '"__proto__":{"method":"tools/call","id":7,"params":{"name":"x"},"result":1}'

  it.each<[string, string, unknown]>([
    ['at its top', `{${poison},"a":1}`, { a: 1 }],
    ['at its top, as a list', '{"__proto__":[1],"a":1}', { a: 1 }],
    ['in each entry of a batch', `[{${poison}},{"a":{${poison}}}]`, [{}, { a: {} }]],
    ['in lists of lists', `{"a":[[{${poison}}],{${poison},"b":1}]}`, { a: [[{}], { b: 1 }] }],
    ['within one another', `{"__proto__":{${poison}},"a":1}`, { a: 1 }],
    ['that hide a prototype', '{"constructor":{"__proto__":{"prototype":1}}}', { constructor: {} }],
    ['that come last', `{"constructor":{"a":1},"constructor":{"prototype":1}}`, {}],
  ])('loses the keys %s', async (_, text, body) => {
    const { url } = await listen(echoApp())
    expect(await post(url, text)).toMatchObject({ status: 200, body: { body } })
    expect(JSON.stringify((await post(url, text)).body.body)).toBe(JSON.stringify(body))
  })

  it.each([
    '{"constructor":"Acme Building","prototype":{"a":1},"proto":1,"_proto_":1}',
    String.raw`{"text":"\"__proto__\": {}","list":["__proto__","constructor"]}`,
    String.raw`{"constructor":null,"a":"\u005f_proto__","b":{"constructor":{"name":"x"}}}`,
    '{"toJSON":1,"a":{"toJSON":{"b":1}},"toString":"x","hasOwnProperty":1,"valueOf":null}',
  ])('keeps what only looks like them: %s', async (text) => {
    const { url } = await listen(echoApp())
    // Beside a key that is removed, so that the whole body is searched.
    const sent = `{"__proto__":{},"params":${text}}`
    expect((await post(url, sent)).body.body).toEqual({ params: JSON.parse(text) })
  })

  it.each([
    ['is no call', `{${poison}}`],
    ['has no params', `{"id":7,"method":"ping","params":{${poison}}}`],
    ['is no call in a batch', `[{${poison}}]`],
  ])('whose call stands in __proto__ %s', async (_, text) => {
    const parsers = [echoApp(), express().use(express.json(), echoApp())]
    for (const app of parsers) {
      const { url } = await listen(app)
      const { calls } = (await post(url, text)).body
      expect(calls.some(({ method, name }) => method === 'tools/call' || name === 'x')).toBe(false)
      expect(calls).toHaveLength(1)
    }
  })

  it('gains no id and no era from it either', async () => {
    const version = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
    const texts = [
      `{"method":"ping","__proto__":{"id":7,"params":{"_meta":{${version}}}}}`,
      `{"method":"ping","params":{"__proto__":{"_meta":{${version}}}}}`,
      `{"method":"ping","params":{"_meta":{"__proto__":{${version}}}}}`,
    ]
    const { url } = await listen(echoApp())
    for (const text of texts) {
      expect((await post(url, text)).body).toMatchObject({ id: null, era: 'legacy' })
    }
  })

  it('is not cleaned when another parser has read it', async () => {
    const { url } = await listen(express().use(express.json(), echoApp()))
    const { body } = (await post(url, '{"__proto__":{"admin":true}}')).body
    expect(Object.keys(body as object)).toEqual(['__proto__'])
  })

  it('is measured before it is cleaned', async () => {
    const { url } = await listen(echoApp({ maxKeys: 3, maxItems: 6 }))
    const refusals = [
      [`${'{"__proto__":'.repeat(65)}1${'}'.repeat(65)}`, 'members'],
      [`${'[{"__proto__":'.repeat(3)}${'['.repeat(80)}`, 'items'],
      ['{"__proto__":1,"__proto__":1,"__proto__":1,"__proto__":1}', 'more than 3 members'],
      ['{"__proto__":[1,2,3,4,5,6]}', 'more than 6 items'],
    ]
    for (const [text = '', reason] of refusals) {
      expect((await post(url, text)).body.error).toEqual({
        code: -32600,
        message: expect.stringContaining(reason ?? ''),
      })
    }
    const deep = await listen(echoApp())
    const answer = await post(deep.url, '{"__proto__":'.repeat(100_000))
    expect(answer.body.error.message).toContain('deeper than 64 levels')
  })

  it('that is no JSON stays a parse error, and a second byte order mark too', async () => {
    const { url } = await listen(echoApp())
    for (const text of ['{"__proto__":{}', '{"__proto__" {}}', '\uFEFF\uFEFF{}', '\uFEFF']) {
      expect((await post(url, text)).body.error.code).toBe(-32700)
    }
  })
})

const repeated = (piece: string) => {
  const count = Math.floor((4 * 1024 * 1024 - 2) / (piece.length + 1))
  return Array(count).fill(piece).join(',')
}

it.each([
  ['keys of one object', `{${repeated('"__proto__":{}')}}`],
  ['keys of many', `[${repeated('{"__proto__":{}}')}]`],
  ['constructors', `[${repeated('{"constructor":{"prototype":{}}}')}]`],
  ['keys within keys', `[${repeated(`${'{"__proto__":'.repeat(60)}1${'}'.repeat(60)}`)}]`],
  ['texts that could be keys', `{"__proto__":1,"a":"__proto__"${' '.repeat(4_000_000)}}`],
])('cleans 4 MiB of %s in a time that grows with them, not with their square', async (_, text) => {
  const app = express()
  // The limits would refuse them.
  app.use(jsonBody({ maxKeys: 1e7, maxItems: 1e7, maxBatch: 1e7 }), (_req, res) => void res.end())
  const { url } = await listen(app)
  const start = performance.now()
  JSON.parse(text)
  const parsed = performance.now()
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: text }
  expect((await fetch(url, init)).status).toBe(200)
  // A square would take hours. The constant is for sending 4 MiB, which JSON.parse does not.
  expect(performance.now() - parsed).toBeLessThan(50 * (parsed - start) + 2000)
})
