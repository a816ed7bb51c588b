import { startContestant, writeGeneratedServer } from './contestants.js'
import { measure, medianOf, ratioOf, rounds, seconds } from './measure.js'

// Requests per second of the generated server with every layer on, beside the same tools on the bare SDK and on bare
// Express.
const NAMES = ['generated server', 'bare SDK', 'bare Express']
const BOUNDS: Record<number, number> = { 1: 1, 50: 1.5 }

const print = (line: string) => process.stdout.write(`${line}\n`)

await writeGeneratedServer()
print(
  `node ${process.version}, ${rounds} rounds of ${seconds} s each, 16 connections, modern era, one tools/call`,
)
for (const [tools, bound] of Object.entries(BOUNDS)) {
  const contestants = []
  for (const name of NAMES) contestants.push(await startContestant(name, Number(tools)))
  const measured = await measure(contestants)
  print(`\n${tools} ${tools === '1' ? 'tool' : 'tools'}:`)
  for (const name of NAMES) {
    const rate = medianOf(measured, name).toFixed(0)
    const ratio = ratioOf(measured, name, 'bare SDK').toFixed(2)
    const goal = name === 'generated server' ? `  (bound ${bound})` : ''
    print(`  ${name.padEnd(18)} ${rate.padStart(6)}/s  ${ratio} × bare SDK${goal}`)
  }
}
process.exit()
