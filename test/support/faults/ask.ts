import { type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Milliseconds from the request to the end of the answer. */
  ms: number
}

export interface AskOptions {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
  /** Milliseconds until the test gives up waiting. @default 30000 */
  timeoutMs?: number
}

/** One request on a connection of its own, so that nothing of another request can help or harm it. */
export function ask(url: string | URL, options: AskOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, timeoutMs = 30_000 } = options
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: false, timeout: timeoutMs }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      res.once('error', reject)
      res.once('end', () => {
        const { statusCode: status = 0, headers } = res
        resolve({ status, headers, text, ms: performance.now() - started })
      })
    })
    req.once('timeout', () => req.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    req.once('error', reject)
    req.end(body)
  })
}
