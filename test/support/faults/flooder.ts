import { Agent, request } from 'node:http'
import type { FloodOptions, Outcomes } from './flood.js'

/** Sends the same request again and again on connections that stay open. */
async function flood(url: string, options: FloodOptions): Promise<Outcomes> {
  const { count, concurrency = 20, body, ...rest } = options
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const outcomes: Outcomes = {}
  let left = count
  const one = () =>
    new Promise<string>((resolve) => {
      const req = request(url, { ...rest, agent, timeout: 60_000 }, (res) => {
        res.resume()
        res.once('end', () => resolve(String(res.statusCode)))
        res.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      })
      req.once('timeout', () => req.destroy(new Error('no answer within a minute')))
      req.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      req.end(body)
    })
  async function worker() {
    while (left-- > 0) {
      const outcome = await one()
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  agent.destroy()
  return outcomes
}

process.once('message', async ({ url, options }: { url: string; options: FloodOptions }) => {
  process.send?.(await flood(url, options), () => process.exit(0))
})
