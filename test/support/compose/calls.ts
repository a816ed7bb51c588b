// Calls a tool through the proxy so many times, some at once, and prints what came of it:
//   calls.ts <url> <key> <calls> <at once> [address to claim]
import { connect } from 'node:net'
import { connect as client } from '../../../templates/server/test/support/clients.js'

const [url = '', key = '', calls = '1', atOnce = '1', claimed] = process.argv.slice(2)
const began = performance.now()
const seen: Record<string, number> = {}
let left = Number(calls)

async function caller() {
  const open = await client(new URL(url), key, 'legacy')
  while (left-- > 0) {
    const outcome = await open
      .callTool({ name: 'summarize_numbers', arguments: { numbers: [1, 2, 3] } })
      .then(
        ({ isError, structuredContent }) =>
          !isError && (structuredContent as { mean: number }).mean === 2 ? 'right' : 'wrong',
        (error: Error & { data?: { status?: number } }) => `${error.data?.status ?? error.message}`,
      )
    seen[outcome] = (seen[outcome] ?? 0) + 1
  }
  await open.close()
}

/** Somebody who says to be somebody else. */
function liar(address: string): Promise<string> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.end(
    `GET ${pathname} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
      `X-Forwarded-For: ${address}\r\nForwarded: for=${address}\r\n\r\n`,
  )
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => resolve(answer.split('\r\n')[0] ?? ''))
  })
}

const lie = claimed ? await liar(claimed) : undefined
await Promise.all(Array.from({ length: Number(atOnce) }, caller))
const seconds = (performance.now() - began) / 1000
process.stdout.write(`${JSON.stringify({ seen, seconds, lie })}\n`)
