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

/**
 * Requests per second of each contestant, round by round. They take turns, so a machine that slows down slows them all;
 * only ratios are worth reading.
 */
export async function measure(contestants: readonly Contestant[]): Promise<Map<string, number[]>> {
  const measured = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  for (const contestant of contestants) {
    await answersRightly(contestant)
    await requestsPerSecond(contestant, 1)
  }
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      measured.get(contestant.name)?.push(await requestsPerSecond(contestant, seconds))
    }
  }
  for (const { process } of contestants) process.kill('SIGKILL')
  return measured
}

/** Each round's ratio to that of `base`, then their median: what drifts between rounds cancels out. */
export function ratioOf(measured: Map<string, number[]>, name: string, base: string): number {
  const beside = measured.get(base) ?? []
  const own = measured.get(name) ?? []
  return median(own.map((value, round) => value / (beside[round] ?? Number.NaN)))
}

async function answersRightly(contestant: Contestant): Promise<void> {
  const sent = { method: 'POST', body, headers: { ...headers, ...contestant.headers } }
  const text = await (await fetch(contestant.url, sent)).text()
  if (!text.includes('"total":36')) throw new Error(`${contestant.name} answered ${text}`)
}

async function requestsPerSecond(contestant: Contestant, duration: number): Promise<number> {
  const { url } = contestant
  const sent = { method: 'POST' as const, body, headers: { ...headers, ...contestant.headers } }
  const result = await autocannon({ url, ...sent, connections: 16, duration })
  if (result.non2xx + result.errors > 0)
    throw new Error(`${contestant.name} refused or failed requests`)
  return result['2xx'] / result.duration
}
