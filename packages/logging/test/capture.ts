import { Writable } from 'node:stream'
import { createLogger, type LoggerOptions } from '../src/index.js'

export type Line = Record<string, unknown>

/** A logger into memory. `lines` waits for them and parses each: a forged line would not parse or be one too many. */
export function capture(options: LoggerOptions = {}) {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const logger = createLogger({ stream, ...options })
  async function raw(): Promise<string> {
    await logger.flush()
    return text
  }
  async function lines(): Promise<Line[]> {
    const all = (await raw()).split('\n')
    return all.slice(0, -1).map((line) => JSON.parse(line))
  }
  /** What one call writes. */
  async function one(...fields: unknown[]): Promise<Line> {
    Reflect.apply(logger.info, logger, ['test', ...fields])
    return (await lines()).at(-1) ?? {}
  }
  return { logger, raw, lines, one }
}
