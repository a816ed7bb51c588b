import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  byteSize,
  choice,
  duration,
  integer,
  loadConfig,
  port,
  printConfig,
  type Shape,
  secret,
  text,
  url,
} from '../src/index.js'

const VALUE = 'hunter2'
const folder = mkdtempSync(join(tmpdir(), 'config-'))
const path = join(folder, 'secret')
writeFileSync(path, `${VALUE}\n`)
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** Everything that loading and printing say. */
function everythingSaid(shape: Shape, env: Record<string, string>): string {
  const printed = printConfig(shape, { env })
  try {
    return printed + inspect(loadConfig(shape, { env }))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' })
    return printed + inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)
  }
}

const tellTale = z.string().refine(() => false, { error: ({ input }) => `bad ${input}` })
const quoting = z
  .string()
  .refine(() => false, { error: ({ input }) => `bad ${/hunter2/.exec(String(input))}` })
const parsed = z.string().transform((value) => JSON.parse(value) as unknown)

describe('a secret is never shown', () => {
  it.each<[string, z.ZodType]>([
    ['that is right', secret()],
    ['that is no number', secret(integer())],
    ['that is no port', secret(port())],
    ['that is no time', secret(duration())],
    ['that is no size', secret(byteSize())],
    ['that is no URL', secret(url())],
    ['that is nearly a choice', secret(choice(['hunter1', 'hunter3']))],
    ['that a zod message quotes', secret(tellTale)],
    ['that a parser quotes', secret(parsed)],
    [
      'that an object has as a key',
      secret(
        z
          .string()
          .transform((v) => ({ [v]: 1 }))
          .pipe(z.strictObject({})),
      ),
    ],
    ['made optional', secret(port()).optional()],
    ['with a default', secret(port()).default(1)],
    ['refined afterwards', secret().refine(() => false, { error: ({ input }) => `bad ${input}` })],
    ['described afterwards', secret(tellTale).describe('the password')],
    ['transformed afterwards', secret().transform((value) => JSON.parse(value) as unknown)],
    ['piped afterwards', secret().pipe(tellTale)],
    ['caught', secret(port()).catch(1)],
    ['behind a preprocessor', z.preprocess((value) => value, secret(tellTale))],
    ['in a union', z.union([secret(port()), z.literal('x')])],
    ['inside an object', parsed.pipe(z.object({ password: secret() }))],
    ['that is made when needed', z.lazy(() => secret(tellTale))],
    ['whose schema is asynchronous', secret(z.string().refine(async () => false))],
  ])('%s', (_name, schema) => {
    expect(everythingSaid({ X: schema }, { X: VALUE })).not.toContain(VALUE)
    expect(everythingSaid({ X: schema }, { X_FILE: path })).not.toContain(VALUE)
    expect(everythingSaid({ X: schema }, { X: VALUE, X_FILE: VALUE })).not.toContain(VALUE)
    expect(everythingSaid({ X: schema }, { X_FILE: VALUE })).not.toContain(VALUE)
  })

  it.each([
    'DB_PASSWORD',
    'API_KEY',
    'API_KEYS',
    'GITHUB_TOKEN',
    'CLIENT_SECRET',
    'TLS_PRIVATE_KEY',
    'APIKEY',
  ])('when only its name, %s, says so', (name) => {
    for (const schema of [text(), port(), tellTale]) {
      expect(everythingSaid({ [name]: schema }, { [name]: VALUE })).not.toContain(VALUE)
      expect(everythingSaid({ [name]: schema }, { [`${name}_FILE`]: VALUE })).not.toContain(VALUE)
    }
  })

  it('when another setting is pointed at its file by mistake', () => {
    for (const schema of [port(), tellTale, parsed, choice(['hunter1'])]) {
      expect(everythingSaid({ PORT: schema }, { PORT_FILE: path })).not.toContain(VALUE)
    }
  })

  it('nor is what it is near to, or could become', () => {
    const near = secret(choice(['hunter1', 'other']))
    expect(everythingSaid({ X: near }, { X: VALUE })).not.toContain('did you mean')
    expect(everythingSaid({ X: secret(duration()) }, { X: '31415926' })).not.toContain('31415926')
  })

  it('but its length is, and what was expected', () => {
    expect(everythingSaid({ X: secret(port()) }, { X: VALUE })).toContain(
      'got 7 characters, expected a whole number from 0 to 65535; correct X',
    )
  })

  it('and what a throwing schema says is not passed on for others either', () => {
    expect(everythingSaid({ X: parsed }, { X: '{"a": nonsense' })).toContain(
      'got "{"a": nonsense", which is not valid',
    )
  })
})

describe('credentials in a URL are never shown', () => {
  it.each([
    'https://user:hunter2@example.com/path',
    'https://hunter2@example.com',
    'HTTPS://user:hunter2@example.com',
    'https://user:p@hunter2@example.com',
    'https://user:hunter2/x@example.com',
    'https://user:12/hunter2@example.com',
    'https://user:hunter2',
    'https://example.com/?token=hunter2',
    'https://example.com/?a=1&key=hunter2#part',
    'see https://example.com/?token=hunter2',
    'https://a,https://b/?token=hunter2',
    'https://a.example/?token=x,https://hunter2@b.example',
    'user:hunter2@tcp(db:3306)/x',
    'postgres:user:hunter2@db',
    'https://user:hunter2\n@example.com',
    `https://user:hunter2${'x'.repeat(60)}@example.com`,
    `user:hunter2${'x'.repeat(60)}@example.com`,
  ])('in %j', (value) => {
    for (const schema of [text(), url(), port(), tellTale, quoting]) {
      expect(everythingSaid({ UPSTREAM: schema }, { UPSTREAM: value })).not.toContain(VALUE)
    }
  })

  it('while what is left tells which one it is', () => {
    const env = { UPSTREAM: 'https://user:hunter2@example.com/path?x=1#part' }
    expect(printConfig({ UPSTREAM: url() }, { env })).toBe(
      'UPSTREAM=https://[hidden]@example.com/path?[hidden]#part (environment)',
    )
  })
})
