import { inspect } from 'node:util'
import { jsonBody } from '@mcp-prod/rpc'
import { fromJsonSchema, type StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../src/index.js'
import { legacy, legacyCall, modern, modernCall, post, serve } from './support.js'

const SECRET = 'hunter2-in-the-wrong-field'
const everythingOf = (value: unknown) => inspect(value, { depth: null, maxStringLength: null })

function toolOf(input: StandardSchemaWithJSON, run: (input: unknown) => string = () => 'ran') {
  return defineTool({ name: 'tool', description: 'Takes something', input, run })
}

/** What a caller and whoever reads the log are told of a call, in both eras. */
async function toldOf(input: StandardSchemaWithJSON, args: object) {
  const onError = vi.fn()
  const { url, logger, events } = await serve([toolOf(input)], {}, [], { handler: { onError } })
  const answers: string[] = []
  for (const { body, headers } of [modernCall('tool', args), legacyCall('tool', args)])
    answers.push((await post(url, body, headers)).text)
  const logged = Object.values(logger).map((method) => method.mock.calls)
  const outcomes = events.map(({ outcome }) => outcome)
  return { answers, outcomes, log: everythingOf([logged, onError.mock.calls, events]) }
}

describe('a secret in the wrong field stays out of answer and log when', () => {
  const { record, string, number, object } = z
  const nested = object({ b: number() })
  it.each<[string, StandardSchemaWithJSON, object, string]>([
    ['its type is wrong', object({ a: number() }), { a: SECRET }, 'a: '],
    ['a number was coerced from it', object({ a: z.coerce.number() }), { a: SECRET }, 'a: '],
    ['it is too long', object({ a: string().max(4) }), { a: SECRET }, 'a: '],
    ['it is no option', object({ a: z.enum(['x', 'y']) }), { a: SECRET }, 'a: '],
    ['it is another constant', object({ a: z.literal('x') }), { a: SECRET }, 'a: '],
    ['it is no e-mail address', object({ a: z.email() }), { a: SECRET }, 'a: '],
    ['it is no date', object({ a: z.iso.datetime() }), { a: SECRET }, 'a: '],
    ['it is no URL', object({ a: z.url() }), { a: `${SECRET}` }, 'a: '],
    ['it fits no pattern', object({ a: string().regex(/^x$/) }), { a: SECRET }, 'a: '],
    ['it starts otherwise', object({ a: string().startsWith('x') }), { a: SECRET }, 'a: '],
    ['it is no yes or no', object({ a: z.stringbool() }), { a: SECRET }, 'a: '],
    ['its key is unknown', z.strictObject({}), { password: SECRET }, 'password'],
    ['it is of no member', object({ a: z.union([number(), nested]) }), { a: SECRET }, 'a: '],
    ['it is within a union', object({ a: z.union([number(), nested]) }), { a: { b: SECRET } }, 'a'],
    [
      'it tells members apart',
      object({ a: z.discriminatedUnion('k', [object({ k: z.literal('x') })]) }),
      { a: { k: SECRET } },
      'a.k: ',
    ],
    ['it is in a record', object({ a: record(string(), number()) }), { a: { k: SECRET } }, 'a.k: '],
    ['it is in a list', object({ a: z.array(number()) }), { a: [1, SECRET] }, 'a.1: '],
    ['it is in a tuple', object({ a: z.tuple([number()]) }), { a: [SECRET] }, 'a.0: '],
    ['it is refined', object({ a: string().refine(() => false) }), { a: SECRET }, 'a: '],
    [
      'JSON Schema judges',
      fromJsonSchema({
        type: 'object',
        properties: { a: { enum: ['x'] }, b: { type: 'number' }, c: { pattern: '^x$' } },
        additionalProperties: false,
      }),
      { a: SECRET, b: SECRET, c: SECRET, d: SECRET },
      'tool: ',
    ],
  ])('%s', async (_, input, args, where) => {
    const { answers, outcomes, log } = await toldOf(input, args)
    for (const answer of answers) {
      expect(answer).toContain('Invalid arguments for tool tool: ')
      expect(answer).toContain(where)
      expect(answer).not.toContain(SECRET)
    }
    expect(log).not.toContain(SECRET)
    expect(outcomes).toEqual(['invalid_input', 'invalid_input'])
  })

  it('the schema is of a library that quotes what it was sent', async () => {
    const { jsonSchema } = z.object({ a: z.number() })['~standard']
    const quoting: StandardSchemaWithJSON = {
      '~standard': {
        version: 1,
        vendor: 'valibot',
        jsonSchema,
        validate: (value) => {
          const { a } = value as { a: unknown }
          const message = `Invalid type: Expected number but received "${String(a)}"`
          return { issues: [{ message, path: [{ key: 'a' }] }] }
        },
      },
    }
    const { answers, log } = await toldOf(quoting, { a: SECRET })
    for (const answer of answers) {
      expect(answer).toContain('Invalid arguments for tool tool: a: does not fit the schema')
      expect(answer).not.toContain(SECRET)
    }
    expect(log).not.toContain(SECRET)
  })

  it.each([
    ['arguments', { arguments: SECRET }],
    ['arguments as a list', { arguments: [SECRET] }],
    ['name', { name: { secret: SECRET } }],
    ['a member of params that nobody knows', { secret: SECRET }],
    ['task', { task: SECRET }],
  ])('it is sent as %s of the request', async (_, wrong) => {
    const onError = vi.fn()
    const setting = { handler: { onError } }
    const { url, logger } = await serve([toolOf(z.object({ a: z.number() }))], {}, [], setting)
    for (const { body, headers } of [modernCall('tool', {}), legacyCall('tool', {})]) {
      const { text } = await post(
        url,
        { ...body, params: { ...body.params, ...wrong } },
        { ...headers, ...(typeof wrong === 'object' && 'name' in wrong && { 'mcp-name': 'tool' }) },
      )
      expect(text).not.toContain(SECRET)
    }
    const logged = Object.values(logger).map((method) => method.mock.calls)
    expect(everythingOf([logged, onError.mock.calls])).not.toContain(SECRET)
  })
})

it('logs of a message that nobody expects what it is, not what it says', async () => {
  const onError = vi.fn()
  const { url, logger } = await serve([toolOf(z.object({}))], {}, [], { handler: { onError } })
  const text = SECRET.repeat(1000)
  const progress = { progressToken: text, progress: 1, message: text }
  const messages = [
    { body: { jsonrpc: '2.0', id: 7, result: { text } }, headers: {} },
    { body: { jsonrpc: '2.0', id: 7, error: { code: 1, message: text } }, headers: {} },
    modern('notifications/progress', progress),
    legacy('notifications/progress', progress),
    modern('notifications/cancelled', { requestId: { text } }),
    legacy('notifications/cancelled', { requestId: { text } }),
  ]
  for (const { body, headers } of messages) {
    const { id, ...notification } = body
    await post(url, 'method' in body ? notification : { id, ...notification }, headers)
  }
  const said = logger.info.mock.calls.map(([, fields]) => fields.error)
  expect(said).toContain('Received a response for an unknown message ID: ')
  expect(said).toContain('Received a progress notification for an unknown token: ')
  for (const line of said) expect(line.length).toBeLessThan(300)
  expect(everythingOf([said, onError.mock.calls])).not.toContain(SECRET)
})

it('tells onError which rule a request broke, not what it carried', async () => {
  const onError = vi.fn()
  const input = z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) })
  const { url } = await serve([toolOf(input)], {}, [], { handler: { onError } })
  const { body, headers } = modernCall('tool', { region: SECRET })
  await post(url, body, { ...headers, 'mcp-param-region': 'eu' })
  await post(url, { ...body, method: SECRET }, headers)
  const version = JSON.stringify(body).replace('2026-07-28', `2999-${'9'.repeat(10_000)}`)
  const { 'mcp-protocol-version': _none, ...unversioned } = headers
  await post(url, JSON.parse(version), unversioned)
  const messages = onError.mock.calls.map(([{ message }]) => message)
  expect(messages).toEqual([
    'Rejected inbound request (param-header-mismatch)',
    'Rejected inbound request (method-header-mismatch)',
    expect.stringContaining('Unsupported protocol version'),
  ])
  expect(everythingOf(onError.mock.calls)).not.toContain(SECRET)
  expect(messages[2].length).toBeLessThan(300)
})

it('serves on although onError throws', async () => {
  const onError = () => {
    throw new Error('onError')
  }
  const handler = { onError, maxSubscriptions: 0 }
  const { url } = await serve([toolOf(z.object({}))], {}, [], { handler })
  const { body, headers } = modern('subscriptions/listen', { notifications: {} })
  expect((await post(url, body, headers)).status).toBe(503)
  expect((await post(url, body, { ...headers, 'mcp-method': 'x' })).status).toBe(503)
})

describe('names that the caller chose', () => {
  const answerTo = async (input: StandardSchemaWithJSON, args: object) =>
    (await toldOf(input, args)).answers[0] ?? ''

  it('are shown as far as they help: ten keys, cut, quoted', async () => {
    const keys = Array.from({ length: 5000 }, (_, i) => [`key${i}`, 1])
    const answer = await answerTo(z.strictObject({}), Object.fromEntries(keys))
    expect(answer).toContain('key0')
    expect(answer).not.toContain('key10')
    expect(answer.length).toBeLessThan(600)
    const [long, odd] = ['k'.repeat(100_000), 'line\nbreak"\u2028']
    const both = await answerTo(z.strictObject({}), { [long]: 1, [odd]: 1 })
    expect(both).toContain(`${'k'.repeat(64)}…`)
    expect(both).toContain('line\\\\nbreak')
    expect(both.length).toBeLessThan(600)
  })

  it('do not push the fault itself out of a message', async () => {
    const key = 'k'.repeat(20_000)
    let input: z.ZodType = z.number()
    let args: unknown = 'x'
    for (let level = 0; level < 4; level++) {
      input = z.record(z.string(), input)
      args = { [key]: args }
    }
    const answer = await answerTo(z.object({ a: input }), { a: args })
    expect(answer).toContain('expected number')
    expect(answer.length).toBeLessThan(600)
  })
})

describe('keys that reach for a prototype', () => {
  const poison = JSON.parse(
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"safe":1}',
  )
  /** What a tool is given, once in each era. */
  async function givenTo(input: StandardSchemaWithJSON, args: object, parse?: 'jsonBody') {
    const seen: Record<string, unknown>[] = []
    const tool = toolOf(input, (value) => {
      seen.push(value as Record<string, unknown>)
      return 'ran'
    })
    const { url } = await serve([tool], {}, [], parse && { parse: jsonBody() })
    for (const { body, headers } of [modernCall('tool', args), legacyCall('tool', args)])
      expect((await post(url, body, headers)).text).toContain('ran')
    expect(seen).toHaveLength(2)
    expect(seen[1]).toEqual(seen[0])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    return seen[0] as Record<string, unknown>
  }

  it.each<[string, StandardSchemaWithJSON]>([
    ['looseObject', z.looseObject({})],
    ['record', z.record(z.string(), z.unknown())],
    ['catchall', z.object({}).catchall(z.unknown())],
  ])('pass %s without __proto__, and constructor as plain data', async (_, input) => {
    const given = await givenTo(input, poison)
    expect(Object.getPrototypeOf(given)).toBe(Object.prototype)
    expect(Object.keys(given)).toEqual(['constructor', 'safe'])
    expect(given.polluted).toBeUndefined()
    expect(given.constructor).toEqual({ prototype: { polluted: 1 } })
  })

  it('pass no object that names its members', async () => {
    expect(await givenTo(z.object({ safe: z.number() }), poison)).toEqual({ safe: 1 })
  })

  it('pass any and unknown as they came, as members of their own', async () => {
    for (const any of [z.any(), z.unknown()]) {
      const { a } = (await givenTo(z.object({ a: any }), { a: poison })) as { a: object }
      expect(Object.getPrototypeOf(a)).toBe(Object.prototype)
      expect(Object.keys(a)).toEqual(['__proto__', 'constructor', 'safe'])
    }
  })

  it('do not get as far as that behind jsonBody', async () => {
    const given = await givenTo(z.object({ a: z.any() }), { a: poison }, 'jsonBody')
    expect(Object.keys(given.a as object)).toEqual(['safe'])
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'name no tool: %s',
    async (name) => {
      const { url, events } = await serve([toolOf(z.object({}))])
      for (const { body, headers } of [modernCall(name, {}), legacyCall(name, {})])
        expect((await post(url, body, headers)).text).toContain(`Unknown tool: ${name}`)
      // Two calls of something that is not there.
      const unknown = { tool: name, outcome: 'invalid_input' }
      expect(events).toMatchObject([unknown, unknown])
    },
  )
})
