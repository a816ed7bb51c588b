import { describe, expect, it, vi } from 'vitest'
import winston from 'winston'
import type { Logger } from '../src/index.js'
import { capture } from './capture.js'

/** A logger whose lines need not go through winston's streams, as every one after its first tick. */
async function settled() {
  const captured = capture()
  captured.logger.info('first')
  await captured.logger.flush()
  const through = vi.spyOn(winston.Logger.prototype, '_transform')
  return { ...captured, through }
}

const messages = (lines: Record<string, unknown>[]) => lines.map(({ message }) => message)

it('is written past the streams of winston when they would change nothing', async () => {
  const { logger, lines, through } = await settled()
  logger.info('direct', { n: 1 })
  logger.child({ n: 2 }).info('of a child')
  expect(through).toHaveBeenCalledTimes(1)
  expect(await lines()).toMatchObject([
    { message: 'first' },
    { message: 'direct', n: 1 },
    { message: 'of a child', n: 2 },
  ])
})

it('comes behind the lines that wait in winston', async () => {
  const { logger, lines } = await settled()
  logger.pause()
  logger.info('a')
  logger.resume()
  logger.info('b')
  await logger.flush()
  logger.cork()
  logger.write({ level: 'info', message: 'c' })
  logger.info('d')
  logger.uncork()
  logger.info('e')
  expect(messages(await lines())).toEqual(['first', 'a', 'b', 'c', 'd', 'e'])
})

describe('whoever changes the logger is heard', () => {
  const transportOf = (logger: Logger) => logger.transports[0] as winston.transport
  const format = winston.format((info) => ({
    ...info,
    [Symbol.for('message')]: '{"message":"changed"}',
  }))()

  it.each<[string, (logger: Logger) => void, string[]]>([
    ['another format', (logger) => Object.assign(logger, { format }), ['changed']],
    [
      'a format of the transport',
      (logger) => Object.assign(transportOf(logger), { format }),
      ['changed'],
    ],
    ['silent', (logger) => Object.assign(logger, { silent: true }), []],
    ['a silent transport', (logger) => Object.assign(transportOf(logger), { silent: true }), []],
    [
      'no transport',
      (logger) => logger.clear().add(new winston.transports.Console({ silent: true })),
      [],
    ],
    ['the end', (logger) => logger.end(), []],
    ['the end of the transport', (logger) => transportOf(logger).end(), []],
    [
      'a level of the transport',
      (logger) => Object.assign(transportOf(logger), { level: 'error' }),
      [],
    ],
  ])('by %s', async (_name, change, expected) => {
    const { logger, lines } = await settled()
    change(logger)
    logger.info('line')
    await new Promise((resolve) => setImmediate(resolve))
    expect(messages(await lines())).toEqual(['first', ...expected])
  })

  it('by listening, or by patching a method as tracing does', async () => {
    const { logger, lines } = await settled()
    const heard = vi.fn()
    logger.on('data', heard)
    logger.info('heard')
    logger.off('data', heard)
    const write = vi.spyOn(winston.Logger.prototype, 'write')
    logger.info('seen')
    expect(write).toHaveBeenCalledOnce()
    write.mockRestore()
    const log = vi.spyOn(transportOf(logger), 'log' as never)
    logger.info('logged')
    expect(log).toHaveBeenCalledOnce()
    expect(heard).toHaveBeenCalledOnce()
    expect(messages(await lines())).toEqual(['first', 'heard', 'seen', 'logged'])
  })
})

it('may log while it is read: both lines are whole', async () => {
  const { logger, lines } = await settled()
  logger.info('outer', {
    before: { deep: 1 },
    get field() {
      logger.info('inner', { field: 'password=hunter2' })
      return 2
    },
    after: [3],
  })
  expect(await lines()).toMatchObject([
    { message: 'first' },
    { message: 'inner', field: 'password=[redacted]' },
    { message: 'outer', before: { deep: 1 }, field: 2, after: [3] },
  ])
})

it('comes to an end when reading it logs it again', async () => {
  const { logger, lines } = await settled()
  const fields = {
    get field() {
      logger.info('again', fields)
      return 1
    },
  }
  expect(() => logger.info('start', fields)).not.toThrow()
  logger.info('after')
  const all = messages(await lines())
  expect(all.slice(-2)).toEqual(['start', 'after'])
  expect(logger.dropped).toBe(0)
})
