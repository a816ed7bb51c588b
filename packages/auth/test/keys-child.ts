/** Started as a process of its own by keys-process.test.ts: asks for the keys at a URL, as its arguments say. */
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { issuerKeys, remoteKeys } from '../src/index.js'

const [scenario = '', url = '', kid = ''] = process.argv.slice(2)
const header = { alg: 'ES256', kid }

const scenarios: Record<string, () => Promise<unknown>> = {
  /** One request, and nothing that ends it. */
  async once() {
    const { hostname } = new URL(url)
    return (await remoteKeys(url, { privateHosts: [hostname] }).keysFor(header)).length
  },
  /** Requests all the time, while the server does whatever servers do in an outage. */
  async outage() {
    const life = { freshMs: 20, staleMs: 60, coolDownMs: 5, timeoutMs: 50 }
    // A hook that fails in the worst way.
    const onFailure = async () => Promise.reject(new Error('the log is full'))
    const options = { ...life, privateHosts: ['127.0.0.1'], onFailure }
    const sources = [remoteKeys(`${url}/jwks`, options), issuerKeys(url, options)]
    const seen: Record<string, number> = {}
    const end = performance.now() + 2000
    while (performance.now() < end) {
      const asked = sources.flatMap((keys) => [
        keys.keysFor(header),
        keys.keysFor({ alg: 'ES256', kid: 'x' }),
      ])
      for (const { status, ...rest } of await Promise.allSettled(asked)) {
        const name = 'reason' in rest ? rest.reason.name : status
        seen[name] = (seen[name] ?? 0) + 1
      }
      await delay(1)
    }
    return seen
  },
}

const result = await scenarios[scenario]?.()
const doneAt = performance.now()
process.on('exit', () => {
  writeSync(1, JSON.stringify({ result, lingeredMs: Math.round(performance.now() - doneAt) }))
})
