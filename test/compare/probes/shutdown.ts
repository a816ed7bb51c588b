import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../client.js'
import { type Start, start, stop } from '../server-process.js'

const WAIT_MS = 15_000

/** SIGTERM while a call of two seconds is under way: its fate, the exit, and what readiness says meanwhile. */
export async function sigterm(how: Start): Promise<Record<'sigterm' | 'readiness', string>> {
  const server = await start(how)
  const path = how.contestant.readiness
  try {
    const client = await connect(server)
    const call = client.call('slow').then(
      (text) => (text.includes('finished') ? 'answered' : `told ${text}`),
      () => 'lost',
    )
    await sleep(500)
    const before = path === undefined ? 0 : await statusOf(new URL(path, server.admin))
    server.process.kill('SIGTERM')
    const statuses = path === undefined ? [] : watch(new URL(path, server.admin), server.ended)
    // Once the process is gone, what it said may still be on its way for a moment.
    const gone = server.ended.then(() => sleep(1000, 'lost'))
    const told = await Promise.race([call, gone, sleep(WAIT_MS, 'unanswered')])
    const ended = await Promise.race([server.ended, sleep(WAIT_MS, 'runs on')])
    return { sigterm: `${told}; ${ended}`, readiness: inWords(path, before, await statuses) }
  } finally {
    await stop(server)
  }
}

/** Every status that a URL has until the process ends or the wait is over; 0 is a refused connection. */
async function watch(url: URL, ended: Promise<string>): Promise<number[]> {
  const seen: number[] = []
  let going = true
  const over = Promise.race([ended, sleep(WAIT_MS)]).then(() => {
    going = false
  })
  while (going) {
    const status = await statusOf(url)
    if (seen.at(-1) !== status) seen.push(status)
    await sleep(25)
  }
  await over
  return seen
}

function statusOf(url: URL): Promise<number> {
  return fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    async (response) => {
      await response.body?.cancel()
      return response.status
    },
    () => 0,
  )
}

function inWords(path: string | undefined, before: number, after: readonly number[]): string {
  if (path === undefined) return 'no endpoint'
  const words = after.map((status) => (status === 0 ? 'closed' : String(status)))
  const changes = [String(before), ...words].filter((word, at, all) => word !== all[at - 1])
  return `\`${path}\` ${changes.join(' → ')}`
}
