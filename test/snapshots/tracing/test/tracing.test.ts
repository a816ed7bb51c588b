import { afterAll, beforeAll, expect } from 'vitest'
import { connect } from './support/clients.js'
import { collector } from './support/collector.js'
import { access, complete, enough, serverProcess } from './support/server-process.js'

let traces: Awaited<ReturnType<typeof collector>>
beforeAll(async () => {
  traces = await collector()
})
afterAll(() => traces.close())

const traceId = '0af7651916cd43dd8448eb211c80319c'
const call = {
  name: 'summarize_numbers',
  arguments: { numbers: [1, 2, 3] },
  _meta: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
}

complete('joins the trace of its caller, and sends what it has before it ends', async () => {
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: traces.url, SHUTDOWN_GRACE: '0s' }
  const { child, exited, listening } = serverProcess({ ...enough(), ...settings })
  const { url } = await listening
  const client = await connect(new URL(url), access.token)
  await client.callTool(call)
  await client.close()
  child.kill('SIGTERM')
  const { code, output } = await exited
  expect(code, output).toBe(0)

  const tool = traces.named('tools/call summarize_numbers')
  expect(tool).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331', kind: 2 })
  expect(tool?.attributes).toMatchObject({ 'gen_ai.tool.name': 'summarize_numbers' })
  const http = traces.spans.find(({ spanId }) => spanId === tool?.links?.[0]?.spanId)
  expect(http?.name).toBe('POST /mcp')
  expect(http?.attributes).toMatchObject({ 'http.response.status_code': 200 })
  const line = output.split('\n').find((text) => text.includes('"tool":"summarize_numbers"'))
  expect(line).toContain('"traceId"')
})

complete('answers, and ends in time, while there is no collector', async () => {
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', SHUTDOWN_GRACE: '0s' }
  const { child, exited, listening } = serverProcess({ ...enough(), ...settings })
  const { url } = await listening
  const client = await connect(new URL(url), access.token)
  expect((await client.callTool(call)).structuredContent).toMatchObject({ count: 3 })
  await client.close()
  child.kill('SIGTERM')
  expect((await exited).code).toBe(0)
})
