import { describe, expect, it, vi } from 'vitest'
import { type MaskErrorsOptions, maskErrors } from '../src/index.js'
import { lines, serve } from './support/sdk-lines.js'

const SECRET = 'password=hunter2'
const info = { name: 'test', version: '1.0.0' }
const boom = () => {
  throw new Error(SECRET)
}
const quiet = () => ({ info: vi.fn(), warn: vi.fn(), error: vi.fn() })

const getter = Object.defineProperty(new Error('x'), 'message', { get: boom })
const hostile = new Proxy(new Error(SECRET), { get: boom, getPrototypeOf: boom })
const twoFaced = Object.assign(new Error('MCP error 7: x'), { name: 'McpError', code: 7 })
Object.defineProperty(twoFaced, 'message', { get: () => `MCP error 7: ${SECRET}` })
const branded = {
  code: 7,
  message: SECRET,
  [Symbol.for('mcp.sdk.errorBrands')]: new Set(['mcp.ProtocolError']),
}
const nodes = Object.assign(new Error(SECRET), { code: 'ECONNREFUSED', errno: -111, data: SECRET })
const postgres = Object.assign(new Error(SECRET), { name: 'error', code: '28P01', detail: SECRET })
const numbered = Object.assign(new Error(SECRET), { code: 7, data: { SECRET } })
const named = Object.assign(new Error(SECRET), { name: 'McpError', code: -32602 })
const other = Object.assign(new Error(SECRET), { name: 'ProtocolError', code: -32000 })

const thrown: [string, unknown][] = [
  ['a string', SECRET],
  ['undefined', undefined],
  ['null', null],
  ['an object', { message: SECRET, code: 7, data: SECRET }],
  ['an object whose toString throws', { toString: boom, [Symbol.toPrimitive]: boom }],
  ['an object without prototype', Object.assign(Object.create(null), { message: SECRET })],
  ['a symbol', Symbol(SECRET)],
  ['a chain of causes', new Error('a', { cause: new Error('b', { cause: SECRET }) })],
  ['an aggregate', new AggregateError([new Error(SECRET)], SECRET)],
  ['an error whose message throws', getter],
  ['a proxy that throws', hostile],
  ['a proxy of an error', new Proxy(new Error(SECRET), {})],
  ['an error whose message is a getter', twoFaced],
  ['an object with the brand of the SDK', branded],
  ["an error of Node's", nodes],
  ["an error of a database's", postgres],
  ['an error with a number for a code', numbered],
  ["an error with the SDK's name alone", named],
  ["another library's ProtocolError", other],
  ['an AbortError of something else', new DOMException(SECRET, 'AbortError')],
]

describe.each(lines)('%s', (_, line) => {
  it.each(thrown)('masks %s, and logs it as it is', async (_, error) => {
    const logger = quiet()
    const { client, sent } = await serve(line, () => {
      const server = maskErrors(new line.McpServer(info), { logger })
      const fail = () => {
        throw error
      }
      server.registerTool('t', {}, fail)
      server.registerResource('r', 'r://r', {}, fail)
      return server
    })
    await client.callTool({ name: 't' })
    await expect(client.readResource({ uri: 'r://r' })).rejects.toThrow('Internal error (corr')
    expect(sent().match(/Internal error \(correlation id/g)).toHaveLength(2)
    expect(sent()).not.toContain('hunter2')
    expect(logger.error.mock.calls.map(([message]) => message)).toEqual([
      'tool failed',
      'resource failed',
    ])
    for (const [, fields] of logger.error.mock.calls) expect(fields.error).toBe(error)
  })

  it("masks the SDK's own internal error, which mostly quotes another", async () => {
    const logger = quiet()
    const { client, sent } = await serve(line, () => {
      const server = maskErrors(new line.McpServer(info), { logger })
      server.registerTool('t', {}, () => {
        throw new line.ProtocolError(-32603, SECRET)
      })
      return server
    })
    await client.callTool({ name: 't' })
    expect(sent()).not.toContain('hunter2')
    expect(logger.error).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['throws', boom],
    ['rejects', async () => boom()],
  ])('masks although the logger %s', async (_, log) => {
    const { client, sent } = await serve(line, () => {
      const server = maskErrors(new line.McpServer(info), {
        logger: { info: log, warn: log, error: log },
      })
      server.registerTool('t', {}, boom)
      return server
    })
    expect(await client.callTool({ name: 't' })).toMatchObject({ isError: true })
    expect(sent()).toContain('Internal error (')
    expect(sent()).not.toContain('hunter2')
  })

  it.each(['AbortError', 'reason', 'bug'])(
    'does not alarm for a cancelled call, unless something else failed: %s',
    async (how) => {
      const logger = quiet()
      let started = () => {}
      const running = new Promise<void>((resolve) => {
        started = resolve
      })
      const { client, sent } = await serve(line, () => {
        const server = maskErrors(new line.McpServer(info), { logger })
        server.registerTool('wait', {}, async (context) => {
          const signal = context.mcpReq?.signal ?? (context as unknown as Signalled).signal
          started()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          if (how === 'reason') throw signal.reason
          if (how === 'bug') boom()
          throw new DOMException(SECRET, 'AbortError')
        })
        return server
      })
      const failed = expect(client.callTool({ name: 'wait' })).rejects.toThrow()
      await running
      await client.close()
      await failed
      const level = how === 'bug' ? 'error' : 'info'
      await vi.waitFor(() => expect(logger[level]).toHaveBeenCalledTimes(1), { timeout: 10_000 })
      expect(logger[how === 'bug' ? 'info' : 'error']).not.toHaveBeenCalled()
      expect(logger[level]).toHaveBeenCalledWith(
        how === 'bug' ? 'tool failed' : 'request cancelled',
        expect.objectContaining({ tool: 'wait' }),
      )
      expect(sent()).not.toContain('hunter2')
    },
  )
})

interface Signalled {
  signal: AbortSignal
}

it.each([
  ['nothing', undefined],
  ['an object', {}],
  ['a server of Node', { listen() {}, on() {} }],
  ['a server without the one inside', { registerTool() {} }],
])('refuses %s, naming the option', (_, server) => {
  expect(() => maskErrors(server as never, { logger: quiet() })).toThrow(
    expect.objectContaining({
      code: 'ERR_RECOVERY_OPTION',
      message: expect.stringMatching(/server must be an McpServer or Server of the MCP SDK, got /),
    }),
  )
})

it.each([[undefined], [{}], [{ logger: { error() {} } }]])(
  'refuses to be made without a logger: %o',
  (options) => {
    const [[, line] = expect.fail('no line')] = lines
    expect(() => maskErrors(new line.McpServer(info), options as MaskErrorsOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_RECOVERY_OPTION',
        message: expect.stringContaining('logger'),
      }),
    )
  },
)
