import { type Cells, fill } from './cells.js'
import { connect, negotiated } from './client.js'
import { neverAnswers, thrownError, unhandledRejection } from './probes/errors.js'
import { installed, linesToFirstTool, operation, secretFiles, signIn } from './probes/files.js'
import { anonymous, bigBody, foreign, metrics } from './probes/http.js'
import { burst } from './probes/load.js'
import { sigterm } from './probes/shutdown.js'
import { stdio } from './probes/stdio.js'
import { megabytes as memoryOf } from './proc.js'
import { type Running, type Start, start, stop } from './server-process.js'

const HANG_MS = 40_000
const STARTS = 3

/** Everything that is asked of one contestant alone. */
export async function observe(how: Start): Promise<Cells> {
  const { contestant, folder } = how
  const cells: Cells = {}
  await onOne(how, cells)
  await fill(cells, ['rejection'], () => unhandledRejection(how))
  await fill(cells, ['sigterm', 'readiness'], () => sigterm(how))
  await fill(cells, ['burst'], () => burst(how))
  await fill(cells, ['files'], () => operation(contestant, folder))
  await fill(cells, ['secrets'], () => secrets(how))
  await fill(cells, ['stdio'], () => stdio(how))
  await fill(cells, ['signIn'], () => signIn(contestant, folder))
  await fill(cells, ['lines'], () => linesToFirstTool(contestant, folder))
  await fill(cells, ['packages', 'megabytes'], () => installed(folder))
  await fill(cells, ['start'], () => minimal(how))
  return cells
}

/** Probes that leave a server as it was share one. */
async function onOne(how: Start, cells: Cells): Promise<void> {
  const server = await start(how)
  try {
    await answersRightly(server)
    const ours = how.contestant.id === 'mcp-prod'
    await fill(cells, ['thrown'], () => thrownError(server))
    await fill(cells, ['metrics'], () => metrics(server))
    await fill(cells, ['anonymous'], () => (ours ? anonymousOurs(how, server) : anonymous(server)))
    await fill(cells, ['foreign'], () => foreign(server))
    await fill(cells, ['protocol'], () => negotiated(server))
    await fill(cells, ['body'], () => bigBody(server))
  } finally {
    await stop(server)
  }
}

/** What does not do its work is not measured. @throws Error */
async function answersRightly(server: Running): Promise<void> {
  const client = await connect(server)
  const told = await client.call('echo', 'hello')
  await client.close()
  if (!told.includes('hello')) throw new Error(`its tool does not answer: ${told}`)
}

/** With its default, API keys, and as an OAuth resource server, which is an option. */
async function anonymousOurs(how: Start, server: Running): Promise<string> {
  const plain = await anonymous(server)
  const withOauth = await start({
    ...how,
    folder: `${how.folder}/with-oauth`,
    env: { OAUTH_ISSUER: 'https://issuer.example', RESOURCE_URL: server.url.href },
  })
  const told = await anonymous(withOauth)
  await stop(withOauth)
  return `${told}; API keys alone: ${plain}`
}

/** Ours is started from a secret file in every probe here; others are asked whether they speak of it. */
async function secrets(how: Start): Promise<string> {
  if (how.contestant.id !== 'mcp-prod') return secretFiles(how.contestant, how.folder)
  const server = await start(how)
  const told = await thrownError(server).finally(() => stop(server))
  return told ? 'started from `API_KEYS_FILE`' : ''
}

/** The shortest server: processor time until its port is open, and what it then holds in memory. */
async function minimal(how: Start): Promise<string> {
  const seen: number[] = []
  let memory = 0
  for (let begun = 0; begun < STARTS; begun++) {
    const server = await start({ ...how, program: how.contestant.minimal })
    seen.push(server.startSeconds)
    memory = await memoryOf(server.pid, 'VmRSS')
    await stop(server)
  }
  const [, median = 0] = seen.toSorted((a, b) => a - b)
  return `${median.toFixed(1)} s, ${memory} MB`
}

/** What all are asked at the same time, since it takes long. */
export async function observeTogether(all: readonly Start[]): Promise<Map<string, Cells>> {
  const cells = new Map<string, Cells>(all.map(({ contestant }) => [contestant.id, {}]))
  const waits: Promise<void>[] = []
  for (const how of all) {
    const server = await start(how)
    waits.push(
      fill(cells.get(how.contestant.id) ?? {}, ['hang'], () => neverAnswers(server, HANG_MS)),
    )
  }
  await Promise.all(waits)
  return cells
}
