import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { RunningServer } from '../running.js'

/** The status of one call on a connection of its own, which goes to the next worker; `broken` without an answer. */
export async function callTool(
  { url, key }: RunningServer,
  name: string,
  args: object,
): Promise<number | 'broken'> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: args },
  })
  const sent = request(url, {
    agent: false,
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
  })
  sent.end(body)
  try {
    const [response] = await once(sent, 'response')
    await text(response)
    return response.statusCode
  } catch {
    return 'broken'
  }
}

/** The value of one series; NaN where it is missing. */
export async function scrape({ adminUrl }: RunningServer, series: string): Promise<number> {
  const scraped = await (await fetch(`${adminUrl}/metrics`)).text()
  const line = scraped.split('\n').find((line) => line.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}
