import { valuesOf } from './answers.js'
import { type Case, type Cases, makeCase } from './cases.js'
import { exchange, type Outcome } from './exchange.js'
import { faultsOf } from './judge.js'
import type { FuzzedServer } from './server.js'

/** What many cases came to. */
export interface Tally {
  sent: number
  /** Answers by their status. */
  statuses: Map<number, number>
  /** Cases by whose credentials were sent. */
  callers: Map<string, number>
  /** Answers that the limit by address let through. */
  admitted: number
  /** What was wrong, each with the request and the answer; the first few in full. */
  faults: string[]
}

/** Requests on their way at once: those that wait must not keep the others waiting. */
const AT_ONCE = 48
const MAX_TOLD = 8
/** With so many faults the rest would tell nothing new. */
const MAX_FAULTS = 100

export function newTally(): Tally {
  return { sent: 0, statuses: new Map(), callers: new Map(), admitted: 0, faults: [] }
}

/**
 * Sends the cases up to this number that were not sent yet, and judges every answer.
 *
 * @throws Error when the server does not outlive them, or hardly any answer is right.
 */
export async function storm(
  cases: Cases,
  { process, port, lines, errors }: FuzzedServer,
  upTo: number,
  tally: Tally,
): Promise<void> {
  async function work(): Promise<void> {
    while (tally.sent < upTo && tally.faults.length < MAX_FAULTS && isAlive(process)) {
      const sent = makeCase(cases, tally.sent++)
      const outcome = await exchange(port, sent)
      count(tally, sent, outcome)
      for (const fault of faultsOf(sent, outcome, cases.secretIn)) {
        const told = tally.faults.length < MAX_TOLD ? `\n${story(sent, outcome)}` : ''
        tally.faults.push(`case ${sent.index} (${sent.family}, ${sent.ending}): ${fault}${told}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (isAlive(process) && tally.faults.length < MAX_FAULTS) return
  const logged = lines.filter((line) => line.includes('"level":"error"'))
  const told = [...errors, ...logged.slice(0, MAX_TOLD), ...tally.faults.slice(0, MAX_TOLD)]
  const state = isAlive(process) ? 'fails' : `ended with ${process.exitCode}`
  throw new Error(`the server ${state} at case ${tally.sent}:\n${told.join('\n')}`)
}

function isAlive({ exitCode, signalCode }: FuzzedServer['process']): boolean {
  return exitCode === null && signalCode === null
}

function count(tally: Tally, { caller }: Case, { answers }: Outcome): void {
  add(tally.callers, caller)
  for (const answer of answers) {
    add(tally.statuses, answer.status)
    const wasCounted = valuesOf(answer, 'ratelimit').length > 0
    if (wasCounted && answer.status !== 429) tally.admitted++
  }
}

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function story({ parts }: Case, { received }: Outcome): string {
  const shown = (bytes: Buffer) => JSON.stringify(bytes.subarray(0, 2000).toString('latin1'))
  return `  sent     ${shown(Buffer.concat(parts))}\n  received ${shown(received)}`
}
