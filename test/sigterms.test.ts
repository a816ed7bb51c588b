import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateAuthority } from './support/certificates.js'
import { random } from './support/fuzz/random.js'
import { writeServer } from './support/project.js'
import { type Project, runningRound, startingRound } from './support/sigterms/round.js'
import { killAll, startServer } from './support/sigterms/server.js'
import { tally } from './support/sigterms/tally.js'

// The same seed chooses the same moments; when exactly a signal lands, the machine decides.
const seed = process.env.SIGTERM_SEED ?? String(Date.now())
const count = Number(process.env.SIGTERM_COUNT ?? 100)
/** So many servers at once: on few cores more would only stretch the moments. */
const AT_ONCE = 3
/** Of this many rounds one has its signal during the start. */
const STARTING_EVERY = 5

describe(`${count} SIGTERMs to generated servers (SIGTERM_SEED=${seed})`, () => {
  let project: Project
  let certificates: string
  const seen = tally()

  beforeAll(async () => {
    certificates = await mkdtemp(join(tmpdir(), 'mcp-prod-sigterms-'))
    const ca = await certificateAuthority(certificates)
    await ca.sign('server', '/CN=localhost')
    const { folder, key } = await writeServer('sigterms', { upstream: false })
    const tlsEnv = { TLS_CERT_FILE: ca.path('server.crt'), TLS_KEY_FILE: ca.path('server.key') }
    const begunAt = performance.now()
    const server = startServer(folder, {})
    await server.ports()
    project = { folder, key, tlsEnv, startMs: performance.now() - begunAt }
    server.signal()
    await server.ended
  })
  afterAll(async () => {
    killAll()
    await rm(certificates, { recursive: true, force: true })
  })

  it('each call is answered or was never let in, and every process ends in order', async () => {
    let next = 0
    async function play() {
      for (let round = next++; round < count; round = next++) {
        const chance = random(`${seed}/${round}`)
        const starting = round % STARTING_EVERY === 0
        seen.add(String(round), await (starting ? startingRound : runningRound)(project, chance))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, play))
    process.stdout.write(`\n${count} SIGTERMs, SIGTERM_SEED=${seed}\n${seen.table()}\n`)
    expect(seen.failures.join('\n')).toBe('')
    expect(seen.totals.answered).toBeGreaterThan(count)
  }, 900_000)
})
