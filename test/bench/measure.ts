import { readFile } from 'node:fs/promises'
import autocannon from 'autocannon'
import type { Contestant } from './contestants.js'

const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'order_total_0',
    arguments: { order: 'A-1', price: 10, quantity: 3 },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
})
const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'order_total_0',
}

export const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

/** A number of times and of seconds, from the environment. */
export const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
export const seconds = Number(process.env.BENCH_SECONDS ?? 3)

/** What one contestant did in one round. */
export interface Round {
  /** Requests answered in a second. */
  perSecond: number
  /** Requests answered for each second of processor time that the server used, its kernel time included. */
  perCpuSecond: number
}
export type Measured = ReadonlyMap<string, readonly Round[]>

/**
 * Each contestant, round by round. They take turns, so a machine that slows down slows them all; only ratios are worth
 * reading. Of the two figures that of processor time is steadier where other programs share the processors.
 */
export async function measure(
  contestants: readonly Contestant[],
  warmUpSeconds = 1,
): Promise<Measured> {
  const measured = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]))
  for (const contestant of contestants) {
    await answersRightly(contestant)
    await round(contestant, warmUpSeconds)
  }
  for (let done = 0; done < rounds; done++) {
    for (const contestant of contestants) {
      measured.get(contestant.name)?.push(await round(contestant, seconds))
    }
  }
  for (const { process } of contestants) process.kill('SIGKILL')
  return measured
}

/** Each round's ratio to that of `base`, then their median: what drifts between rounds cancels out. */
export function ratioOf(
  measured: Measured,
  name: string,
  base: string,
  figure: keyof Round = 'perSecond',
): number {
  const beside = measured.get(base) ?? []
  const own = measured.get(name) ?? []
  return median(own.map((value, i) => value[figure] / (beside[i]?.[figure] ?? Number.NaN)))
}

export const medianOf = (measured: Measured, name: string) =>
  median((measured.get(name) ?? []).map(({ perSecond }) => perSecond))

async function answersRightly(contestant: Contestant): Promise<void> {
  const sent = { method: 'POST', body, headers: { ...headers, ...contestant.headers } }
  const text = await (await fetch(contestant.url, sent)).text()
  if (!text.includes('"total":36')) throw new Error(`${contestant.name} answered ${text}`)
}

async function round(contestant: Contestant, duration: number): Promise<Round> {
  const { url, process } = contestant
  const before = await cpuSeconds(process.pid)
  const sent = { method: 'POST' as const, body, headers: { ...headers, ...contestant.headers } }
  const result = await autocannon({ url, ...sent, connections: 16, duration })
  if (result.non2xx + result.errors > 0)
    throw new Error(`${contestant.name} refused or failed requests`)
  const used = (await cpuSeconds(process.pid)) - before
  return { perSecond: result['2xx'] / result.duration, perCpuSecond: result['2xx'] / used }
}

/** As Linux accounts it, in hundredths of a second; NaN elsewhere. */
async function cpuSeconds(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
