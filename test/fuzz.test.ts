import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { weatherServer } from '../templates/+upstream/test/support/weather-server.js'
import { clients } from '../templates/server/test/support/clients.js'
import { MalformedAnswer, readAnswers } from './support/fuzz/answers.js'
import { type Case, type Cases, makeCase } from './support/fuzz/cases.js'
import { faultsOf } from './support/fuzz/judge.js'
import { logFaults, ownErrors } from './support/fuzz/log-judge.js'
import { ask, labelsOf, type Series, scrape, sumOf } from './support/fuzz/metrics.js'
import { type Held, held } from './support/fuzz/probe.js'
import { compileProject, writeProject } from './support/fuzz/project.js'
import { random } from './support/fuzz/random.js'
import { makeSecrets, secretFinder } from './support/fuzz/secrets.js'
import { type FuzzedServer, killAll, startAuthServer, startServer } from './support/fuzz/server.js'
import { newTally, storm } from './support/fuzz/storm.js'
import { noLimits } from './support/no-limits.js'

// The same seed sends the same requests; what fails names its seed and the number of its case.
const seed = process.env.FUZZ_SEED ?? 'mcp-prod'
const requests = Number(process.env.FUZZ_REQUESTS ?? 10_000)

describe(`the generated server under ${requests} mutated requests (FUZZ_SEED=${seed})`, () => {
  let folder: string
  let cases: Cases
  let authEnv: NodeJS.ProcessEnv
  let weather: Awaited<ReturnType<typeof weatherServer>>
  beforeAll(async () => {
    const own = makeSecrets(random(seed))
    folder = await writeProject(own)
    weather = await weatherServer()
    const authServer = startAuthServer(folder, own.clientSecret)
    const [{ env, ...tokens }] = await Promise.all([authServer, compileProject(folder)])
    const secrets = { ...own, ...tokens }
    authEnv = env
    cases = { seed, secrets, secretIn: secretFinder(secrets) }
  })
  afterAll(async () => {
    await killAll()
    weather?.close()
  })

  const start = (env: NodeJS.ProcessEnv = {}) =>
    startServer(folder, cases.secrets, { ...authEnv, WEATHER_URL: weather.url, ...env })

  /** What every client may expect of a server that is well, with a key and with a token. */
  async function isWell({ url, adminUrl }: FuzzedServer) {
    for (const probe of ['/health', '/ready'])
      expect((await ask(adminUrl + probe)).status).toBe(200)
    for (const token of [cases.secrets.key, cases.secrets.jwt]) {
      for (const [, open] of clients) {
        const client = await open(url, token)
        const numbers = { name: 'summarize_numbers', arguments: { numbers: [1, 2, 3] } }
        expect((await client.callTool(numbers)).structuredContent).toMatchObject({ mean: 2 })
        await client.close()
      }
    }
  }

  describe('with limits that none of them meets', () => {
    const tally = newTally()
    let server: FuzzedServer
    const seen: Record<'first' | 'early' | 'late', Series[]> = { first: [], early: [], late: [] }
    const kept: Partial<Record<'first' | 'halfway' | 'last', Held>> = {}
    beforeAll(async () => {
      server = await start(noLimits)
      await isWell(server)
      seen.first = await scrape(server.adminUrl)
      kept.first = await held(server.process)
      await storm(cases, server, requests / 10, tally)
      seen.early = await scrape(server.adminUrl)
      await storm(cases, server, requests / 2, tally)
      await atRest(server)
      kept.halfway = await held(server.process)
      await storm(cases, server, requests, tally)
      seen.late = await atRest(server, seen.first)
      kept.last = await held(server.process)
    })

    it('gives each a right answer: no 5xx, no secret, nothing of its inside, nobody else’s', () => {
      expect(tally.faults.join('\n\n')).toBe('')
    })

    it.skipIf(requests < 5_000)('is reached in every layer, mostly with good credentials', () => {
      const refusals = [400, 401, 403, 404, 405, 406, 413, 415, 417, 431]
      expect([...tally.statuses.keys()]).toEqual(expect.arrayContaining([200, 202, ...refusals]))
      const { full = 0, bare = 0, nobody = 0 } = Object.fromEntries(tally.callers)
      expect((full + bare) / (full + bare + nobody)).toBeGreaterThan(0.45)
      expect((full + bare) / (full + bare + nobody)).toBeLessThan(0.65)
      const calls = (tool: string, outcome: string) =>
        sumOf(seen.late, 'mcp_tool_calls_total', { tool, outcome })
      for (const tool of ['summarize_numbers', 'current_weather']) {
        for (const outcome of ['ok', 'invalid_input', 'denied'])
          expect(calls(tool, outcome), outcome).toBeGreaterThan(0)
      }
      expect(calls('countdown', 'cancelled')).toBeGreaterThan(0)
      const abandoned = { method: 'subscriptions/listen', status: '499' }
      expect(sumOf(seen.late, 'mcp_requests_total', abandoned)).toBeGreaterThan(0)
    })

    it('counts no failure of its own, and no name that a caller made up', () => {
      const { early, late } = seen
      expect(sumOf(late, 'mcp_process_errors_total')).toBe(0)
      expect(sumOf(late, 'mcp_tool_calls_total', { outcome: 'error' })).toBe(0)
      const tools = ['countdown', 'current_weather', 'other', 'summarize_numbers']
      expect(labelsOf(late, 'tool').sort()).toEqual(tools)
      for (const status of labelsOf(late, 'status')) expect(status).toMatch(/^[234]\d\d$/)
      for (const method of labelsOf(late, 'method')) expect(method).toMatch(METHOD)
      // A status met for the first time is a series, a method a dozen; there are few of both.
      expect(late.length - early.length).toBeLessThan(300)
    })

    it('holds no more after the second half than after the first', () => {
      const { first, halfway, last } = kept
      const grown = (last?.heapBytes ?? Number.NaN) - (halfway?.heapBytes ?? Number.NaN)
      // 300 bytes a request: compiled code, and caches that have a bound, still settle.
      expect(grown).toBeLessThan(300 * Math.max(requests / 2, 5_000))
      expect(last?.prototypeNames).toBe(first?.prototypeNames)
      for (const [kind, count] of Object.entries(last?.resources ?? {}))
        expect(count, kind).toBeLessThanOrEqual(first?.resources[kind] ?? 0)
    })

    it('still is well, and ends in order', async () => {
      await isWell(server)
      server.process.kill('SIGTERM')
      expect(await server.exited).toBe(0)
    })

    it('has logged nothing but JSON, without a secret, and nothing as an error of its own', () => {
      expect(ownErrors(server.errors)).toEqual([])
      expect(server.lines.length).toBeGreaterThan(requests / 2)
      expect(logFaults(server.lines, cases.secretIn).join('\n\n')).toBe('')
    })
  })

  it('lets no more through than its usual limits say, whatever address is claimed', async () => {
    const server = await start()
    const tally = newTally()
    const started = performance.now()
    await storm(cases, server, 1_200, tally)
    const seconds = (performance.now() - started) / 1000
    expect(tally.faults.join('\n\n')).toBe('')
    expect(tally.statuses.get(429)).toBeGreaterThan(0)
    expect(tally.admitted).toBeLessThanOrEqual(600 + Math.ceil(10 * seconds))
    await atRest(server)
    server.process.kill('SIGTERM')
    expect(await server.exited).toBe(0)
    expect(ownErrors(server.errors)).toEqual([])
    expect(logFaults(server.lines, cases.secretIn).join('\n\n')).toBe('')
  })
})

/** Waits until the server works on nothing and, where told what it held at `first`, holds no more sockets than that. */
async function atRest({ adminUrl }: FuzzedServer, first?: Series[]): Promise<Series[]> {
  const handles = (series: Series[]) => sumOf(series, 'nodejs_active_handles_total')
  return vi.waitFor(
    async () => {
      const series = await scrape(adminUrl)
      expect(sumOf(series, 'mcp_requests_in_flight')).toBe(0)
      // Idle connections upstream among them, which close after some seconds.
      if (first) expect(handles(series)).toBeLessThanOrEqual(handles(first))
      return series
    },
    { timeout: 30_000, interval: 200 },
  )
}

const METHOD = new RegExp(
  `^(?:${[
    'none|batch|other|initialize|ping|server/discover|tools/call|prompts/get|logging/setLevel',
    '(?:tools|prompts|resources|resources/templates|tasks)/list|tasks/(?:get|result|update|cancel)',
    'resources/(?:read|subscribe|unsubscribe)|subscriptions/listen|completion/complete',
    'notifications/(?:initialized|cancelled|progress|roots/list_changed)',
  ].join('|')})$`,
)

describe('the judges of the storm', () => {
  const own = makeSecrets(random(seed))
  const jwt = `eyJhbGciOiJSUzI1NiJ9.${random('a').text(300)}.${random('b').text(342)}`
  const secrets = { ...own, jwt, bareJwt: jwt }
  const secretIn = secretFinder(secrets)
  const json = 'Content-Type: application/json\r\n'
  const answer = (status: number, head: string, body = '{}') =>
    `HTTP/1.1 ${status} X\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const sent: Case = {
    index: 0,
    family: 'messages',
    caller: 'full',
    target: '/mcp',
    named: false,
    parts: [],
    ending: 'answered',
  }
  function judged(text: string, change: Partial<Case> = {}) {
    const received = Buffer.from(text)
    const { answers } = readAnswers(received, { head: false, closed: true })
    const outcome = { answers, toNext: undefined, received, fault: undefined }
    return faultsOf({ ...sent, ...change }, outcome, secretIn)
  }
  const basic = Buffer.from(`root:${own.password}`).toString('base64')
  const ran = '{"result":{"structuredContent":{"count":1}}}'

  it('find nothing wrong with a right answer', () => {
    expect(judged(answer(200, json, ran))).toEqual([])
    expect(judged(answer(401, `${json}WWW-Authenticate: Bearer\r\n`))).toEqual([])
  })

  it.each<[string, string, Partial<Case>?]>([
    ['a server error', answer(500, json)],
    [
      'an internal error in a 200',
      answer(200, json, '{"jsonrpc":"2.0","error":{"code":-32603,"message":"x"}}'),
    ],
    ['a key', answer(200, json, JSON.stringify({ key: own.key }))],
    ['half of a token in a header', answer(200, `${json}X-Token: ${jwt.slice(0, 180)}\r\n`)],
    ['a password as Basic credentials', answer(200, json, JSON.stringify(basic))],
    ['a stack', answer(400, json, '"Error: x\\n    at run (/srv/app.js:1:2)"')],
    ['the name of a library', answer(400, json, '"zod says no"')],
    ['a page', answer(404, 'Content-Type: text/html\r\n', '<html>')],
    ['what only looks like JSON', answer(200, json, "{'a':1}")],
    ['a header that was injected', answer(200, `${json}X-Injected: 1\r\n`)],
    ['a 401 without a challenge', answer(401, json)],
    ['a 429 without a time', answer(429, json)],
    ['two answers to one request', answer(200, json) + answer(200, json)],
    ['success without credentials', answer(200, json), { caller: 'nobody' }],
    ['a tool that ran without its scope', answer(200, json, ran), { caller: 'bare' }],
  ])('see %s', (_, text, change) => {
    expect(judged(text, change)).toHaveLength(1)
  })

  it.each([
    ['two lengths', answer(200, `${json}Content-Length: 2\r\n`)],
    ['a length and chunks', answer(200, `${json}Transfer-Encoding: chunked\r\n`)],
    ['a folded header', answer(200, 'X: a\r\n b\r\n')],
    ['a bare line feed', answer(200, 'X: a\nY: b\r\n')],
    ['no HTTP at all', '{"jsonrpc":"2.0"}\r\n\r\n'],
  ])('take %s for no answer', (_, text) => {
    expect(() => judged(text)).toThrow(MalformedAnswer)
  })

  const line = (fields: object) =>
    JSON.stringify({ time: '2026-01-01', level: 'info', message: 'request', ...fields })
  it.each([
    ['a key', line({ tool: own.key })],
    ['an error', line({ level: 'error' })],
    ['a warning of Node', line({ message: 'process warning' })],
    ['what is no JSON', 'TypeError: x'],
    ['what a terminal obeys', line({ path: '\x9b2J' })],
    ['a fault of assembly', line({ error: { code: 'ERR_AUTH_ORDER' } })],
  ])('see %s in a line of the log', (_, text) => {
    expect(logFaults([line({}), text], secretIn)).toHaveLength(1)
  })

  it('are given the same requests for the same seed, and others for another', () => {
    const bytes = (of: string) => (index: number) =>
      Buffer.concat(makeCase({ seed: of, secrets, secretIn }, index).parts).toString('latin1')
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    expect(numbers.map(bytes('a'))).toEqual(numbers.map(bytes('a')))
    expect(numbers.map(bytes('a'))).not.toEqual(numbers.map(bytes('b')))
  })
})
