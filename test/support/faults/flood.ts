import { Agent, type RequestOptions, request } from 'node:http'

export interface FloodOptions extends Pick<RequestOptions, 'method' | 'headers'> {
  /** How many requests in all. */
  count: number
  /** How many at the same time. @default 20 */
  concurrency?: number
  body?: string | Buffer
}

/** How often each outcome was had: a status, or the code of what broke the connection. */
export type Outcomes = Record<string, number>

/** Sends the same request again and again on connections that stay open. */
export async function flood(url: string | URL, options: FloodOptions): Promise<Outcomes> {
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
