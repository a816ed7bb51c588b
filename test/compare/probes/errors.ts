import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../client.js'
import { type Running, type Start, start, stop } from '../server-process.js'

const PLANTED = 'password=hunter2'
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Whether the text of an error that a tool throws is in what the client gets. */
export async function thrownError(server: Running): Promise<string> {
  const client = await connect(server)
  const told = await client.call('fail').catch(messageOf)
  await client.close()
  if (/timed? ?out/i.test(told)) return 'no answer in 15 s'
  return told.includes(PLANTED) ? 'sent to the client' : 'kept from the client'
}

/** One rejection that nobody handles: what becomes of the process, and whether its log tells. */
export async function unhandledRejection(how: Start): Promise<string> {
  const server = await start(how)
  try {
    const client = await connect(server)
    const told = await client.call('reject').catch(messageOf)
    if (told !== 'planted' && !told.includes('planted')) return `the tool did not run: ${told}`
    const ended = await Promise.race([server.ended, sleep(2500, undefined)])
    const logged = server.log().includes('rejected on purpose') ? 'logged' : 'not logged'
    if (ended !== undefined) return `${ended}, ${logged}`
    const again = await client.call('echo', 'still here').catch(messageOf)
    return again.includes('still here') ? `lives, ${logged}` : `lives, ${logged}, answers no more`
  } finally {
    await stop(server)
  }
}

/** How long the caller of a tool that never answers waits. */
export async function neverAnswers(server: Running, waitMs: number): Promise<string> {
  try {
    const client = await connect(server)
    const begun = performance.now()
    const outcome = await Promise.race([
      client.call('hang', '', waitMs * 2).catch(messageOf),
      sleep(waitMs, undefined),
    ])
    if (outcome === undefined) return `silent for ${waitMs / 1000} s`
    return `told after ${Math.round((performance.now() - begun) / 1000)} s`
  } finally {
    await stop(server)
  }
}
