import { describe, expect, it } from 'vitest'
import { createRedactor } from '../src/redact.js'
import { capture } from './capture.js'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl'

describe('keys', () => {
  it.each([
    'authorization',
    'Authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'password',
    'passwd',
    'PASSWORD',
    'db_password',
    'userPassword',
    'passwordConfirm',
    'passphrase',
    'secret',
    'clientSecret',
    'client-secret',
    'token',
    'access_token',
    'refreshToken',
    'id_token',
    'tokens',
    'api_key',
    'apikey',
    'API-KEY',
    'x-api-key',
    'apiKey2',
    'private_key',
    'secretAccessKey',
    'credentials',
    'code_verifier',
  ])('hides the value of %s at any depth', async (key) => {
    const { one, raw } = capture()
    const line = await one({
      [key]: 'hunter2',
      deep: [{ er: { [key]: { value: 'hunter2' } } }],
      none: { [key]: null },
    })
    expect(line).toMatchObject({ [key]: '[redacted]', none: { [key]: null } })
    expect(await raw()).not.toContain('hunter2')
  })

  it('hides what follows such a name in a list of headers or entries, and in maps', async () => {
    const { one } = capture()
    const line = await one({
      rawHeaders: ['Accept', '*/*', 'Cookie', 'sid=1', 'x-api-key', 'k'],
      entries: Object.entries({ password: 'hunter2' }),
      map: new Map([['token', 'abc']]),
    })
    expect(line).toMatchObject({
      rawHeaders: ['Accept', '*/*', 'Cookie', '[redacted]', 'x-api-key', '[redacted]'],
      entries: [['password', '[redacted]']],
      map: { token: '[redacted]' },
    })
  })

  it('leaves what is no secret', async () => {
    const fields = {
      hasPassword: true,
      maxTokens: 100,
      tokenizer: 'bpe',
      author: 'a',
      keyboard: 'qwerty',
      cause: 'x',
    }
    expect(await capture().one(fields)).toMatchObject(fields)
  })

  it('hides a number, an empty text and a key of a million characters that ends in a name', async () => {
    const key = `${'x'.repeat(1_000_000)}_password`
    const line = await capture().one({ token: 123456, secret: '', deep: { [key]: 'hunter2' } })
    expect(line).toMatchObject({ token: '[redacted]', secret: '[redacted]' })
    expect(JSON.stringify(line)).not.toContain('hunter2')
  })

  it('hides configured names anywhere, and configured paths only there', async () => {
    const { one } = capture({ redact: ['E-Mail', 'card.number', 'карта'] })
    const line = await one({
      email: 'a@b.c',
      deep: { e_mail: 'a@b.c', cards: [{ card: { Number: 4111, holder: 'x' } }] },
      number: 7,
      карта: 1,
      имя: 'kept',
    })
    expect(line).toMatchObject({
      email: '[redacted]',
      deep: { e_mail: '[redacted]', cards: [{ card: { Number: '[redacted]', holder: 'x' } }] },
      number: 7,
      карта: '[redacted]',
      имя: 'kept',
    })
  })
})

describe('texts', () => {
  it.each([
    ['three deep in JSON', JSON.stringify(JSON.stringify(JSON.stringify({ apiKey: 'hunter2' })))],
    ['in a query', encodeURIComponent(JSON.stringify({ password: 'hunter2' }))],
    ['in HTML', '{&quot;password&quot;:&quot;hunter2&quot;,&quot;b&quot;:1}'],
  ])('hides a secret that is quoted %s', async (_, text) => {
    const said = await capture().one({ text, error: new Error(text) })
    expect(JSON.stringify(said)).not.toContain('hunter2')
  })

  it.each([
    ['Bearer hunter2.x_y-z~/+=', 'Bearer [redacted]'],
    ['header bearer   hunter2, then', 'header bearer   [redacted], then'],
    ['q=Bearer%20hunter2', 'q=Bearer%20[redacted]'],
    ['Basic YWxpY2U6aHVudGVyMg==', 'Basic [redacted]'],
    [`got ${jwt}.`, 'got [redacted]'],
    [`x_${jwt}`, 'x_[redacted]'],
    ['eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn', '[redacted]'],
    ['key mcp_ci-1_hunter2_-x refused', 'key mcp_ci-1_[redacted] refused'],
    ['postgres://app:hunter2@db:5432/x', 'postgres://[redacted]@db:5432/x'],
    ['redis://:hunter2@db', 'redis://[redacted]@db'],
    ['https://hunter2@host/x', 'https://[redacted]@host/x'],
    ['http://a:p@hunter2@host/', 'http://[redacted]@host/'],
    ['pg://app:hunt/er2?#x@host/db', 'pg://[redacted]@host/db'],
    ['pg://app:hunt@er2/hunter2@host/db', 'pg://[redacted]@host/db'],
    ['pg://app:hu/nt@hunter2@host/db', 'pg://[redacted]@host/db'],
    [
      '{"a":"pg://u:hunter2@h1","b":"redis://u:hunter2@h2"}',
      '{"a":"pg://[redacted]@h1","b":"redis://[redacted]@h2"}',
    ],
    ['/cb?access_token=hunter2&state=1', '/cb?access_token=[redacted]&state=1'],
    ['?api-key=hunter2#x', '?api-key=[redacted]'],
    ['host=db password=hunter2 dbname=x', 'host=db password=[redacted] dbname=x'],
    ['Server=db;Pwd=hunter2;Database=x', 'Server=db;Pwd=[redacted];Database=x'],
    ['password : hunter2', 'password : [redacted]'],
    ['{"password":"hunter2","a":1}', '{"password":"[redacted]","a":1}'],
    ['{"password":"hun\\"ter2","a":1}', '{"password":"[redacted]","a":1}'],
    ['"{\\"secret\\":\\"hunter2\\",\\"a\\":1}"', '"{\\"secret\\":\\"[redacted]\\",\\"a\\":1}"'],
    ["{ apiKey: 'hunter2', a: 1 }", "{ apiKey: '[redacted]', a: 1 }"],
    ['"tokens":["hunter2"]', '"tokens":[redacted]'],
    ['token%3Dhunter2', 'token%3D[redacted]'],
    [
      'Authorization: Digest username="a", response="hunter2"\nAccept: x',
      'Authorization: [redacted]\nAccept: x',
    ],
    ['Set-Cookie: sid=hunter2; Path=/\r\nX: 1', 'Set-Cookie: [redacted]\r\nX: 1'],
    [
      '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----',
    ],
  ])('hides the secret in %j', async (text, clean) => {
    const { logger, lines, raw } = capture()
    const error = Object.assign(new Error(text), { input: text })
    logger.error(text, { text, list: [text], [text]: true, error })
    const [line] = await lines()
    expect(line).toMatchObject({ message: clean, text: clean, list: [clean], [clean]: true })
    expect(line?.error).toMatchObject({ message: clean, input: clean })
    expect(await raw()).not.toMatch(/hunter2|er2|YWxp|c2ln|Y2lw/)
  })

  it.each([
    'http://localhost:3000/@scope/x',
    'https://host/x?mail=a@b.com',
    'alice@example.com',
    'basic usage of the tool',
    'Bearer token missing',
    'Bearer resource_metadata="https://x/y"',
    'no token',
    'eyJvZmZzZXQiOjEwfQ',
    'a:b=c',
    'max_connections=10',
    'password: [redacted] rest',
  ])('leaves %j as it is', async (text) => {
    expect(await capture().one({ text })).toMatchObject({ text })
  })

  it('hides configured names in texts too', async () => {
    const { one } = capture({ redact: ['pin', 'a.b'] })
    expect(await one({ text: '?pin=1234&spin=1' })).toMatchObject({
      text: '?pin=[redacted]&spin=1',
    })
  })

  it('shows no half of a secret where a long text is cut', async () => {
    for (const secret of [
      'postgres://app:hunter2hunter2@host',
      jwt,
      'mcp_id_hunter2hunter2',
      'password=hunter2hunter2',
    ]) {
      for (let before = 8192 - secret.length; before <= 8192; before += 3) {
        const { one, raw } = capture()
        await one({ text: `${'x '.repeat(before / 2)}${secret}${' y'.repeat(10_000)}` })
        expect(await raw()).not.toMatch(/hunter|c2ln/)
      }
    }
    const { one, raw } = capture()
    await one({
      text: `${'x '.repeat(6100)}postgres://app:hunter2hunter2hunter2hunter2hunter2@host${' y'.repeat(10_000)}`,
    })
    await one({
      text: `${'token=a '.repeat(1530)}postgres://app:hunter2${'hunter2'.repeat(20)}@host ${'y'.repeat(10_000)}`,
    })
    expect(await raw()).not.toContain('hunter')
  })
})

describe('a megabyte of hostile text', () => {
  const { text } = createRedactor(['email'])
  it.each([
    'eyJ',
    'eyJ.',
    'eyJ-',
    'mcp_',
    'mcp_a',
    'mcp_a_',
    'bearer ',
    'Bearer  ',
    'Basic a',
    'basic ',
    '://',
    '://a:',
    '://@',
    '://a:b',
    'password',
    'password=',
    'password="',
    'password\\',
    'token"\\',
    'token: ',
    'token:[',
    "secret='\\'",
    'cookie:',
    'cookie ',
    'authorization',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    'a',
    ' ',
    '\\',
    '"',
    '.',
    '=',
    '%3d',
    'email',
  ])('of %j costs linear time', (part) => {
    const hostile = `token="${part.repeat(1_000_000 / part.length)}`
    for (const attack of [hostile, `${hostile.slice(7)}\n`]) {
      const started = performance.now()
      text(attack)
      // Milliseconds when linear; minutes when quadratic.
      expect(performance.now() - started).toBeLessThan(15_000)
    }
  })
})
