import autocannon from 'autocannon'
import { type Contestant, startContestant, writeGeneratedServer } from './contestants.js'

// Requests per second of the generated server with every layer on, beside the same tools on the bare SDK and on bare
// Express. The contestants take turns, so a machine that slows down slows them all; only ratios are worth reading.
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3)
const NAMES = ['generated server', 'bare SDK', 'bare Express']
const BOUNDS: Record<number, number> = { 1: 1, 50: 1.5 }

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

const median = (numbers: number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
const print = (line: string) => process.stdout.write(`${line}\n`)

await writeGeneratedServer()
print(
  `node ${process.version}, ${ROUNDS} rounds of ${SECONDS} s each, 16 connections, modern era, one tools/call`,
)
for (const [tools, bound] of Object.entries(BOUNDS)) {
  const contestants = []
  for (const name of NAMES) contestants.push(await startContestant(name, Number(tools)))
  const measured = new Map<string, number[]>(NAMES.map((name) => [name, []]))
  for (const contestant of contestants) {
    await answersRightly(contestant)
    await requestsPerSecond(contestant, 1)
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const contestant of contestants) {
      measured.get(contestant.name)?.push(await requestsPerSecond(contestant, SECONDS))
    }
  }
  for (const { process } of contestants) process.kill('SIGKILL')

  // Each round's ratio first, then their median: what drifts between rounds cancels out.
  const sdk = measured.get('bare SDK') ?? []
  print(`\n${tools} ${tools === '1' ? 'tool' : 'tools'}:`)
  for (const name of NAMES) {
    const rounds = measured.get(name) ?? []
    const ratio = median(rounds.map((value, round) => value / (sdk[round] ?? Number.NaN)))
    const goal = name === 'generated server' ? `  (bound ${bound})` : ''
    print(
      `  ${name.padEnd(18)} ${median(rounds).toFixed(0).padStart(6)}/s  ${ratio.toFixed(2)} × bare SDK${goal}`,
    )
  }
}
process.exit()
