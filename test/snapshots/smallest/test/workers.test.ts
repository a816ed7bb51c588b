import { expect } from 'vitest'
import { connect } from './support/clients.js'
import { access, complete, enough, serverProcess } from './support/server-process.js'

/** What a scrape says of one series. */
async function seriesOf(adminUrl: string, series: string): Promise<number> {
  const scraped = await (await fetch(`${adminUrl}/metrics`)).text()
  const line = scraped.split('\n').find((line) => line.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}

complete(
  'serves in several processes as one server, and all of them end with 0',
  async () => {
    const { child, exited, listening } = serverProcess({
      ...enough(),
      WORKERS: '2',
      SHUTDOWN_GRACE: '0s',
      MAX_CONCURRENT_CALLS: '9',
      MAX_EVENT_LOOP_DELAY: '1m',
    })
    const { url, adminUrl } = await listening
    expect((await fetch(`${adminUrl}/ready`)).status).toBe(200)
    await expect.poll(() => seriesOf(adminUrl, 'mcp_workers_ready'), { timeout: 20_000 }).toBe(2)
    const clients = await Promise.all([1, 2, 3].map(() => connect(new URL(url), access.token)))
    const call = { name: 'summarize_numbers', arguments: { numbers: [1] } }
    for (const client of clients) await client.callTool(call)
    const calls = 'mcp_tool_calls_total{tool="summarize_numbers",outcome="ok"}'
    expect(await seriesOf(adminUrl, calls)).toBe(3)
    // Five for each: what runs at once is divided, rounded up.
    expect(await seriesOf(adminUrl, 'mcp_concurrency_limit')).toBe(10)
    child.kill('SIGTERM')
    const { code, output } = await exited
    expect(code, output).toBe(0)
  },
  60_000,
)
