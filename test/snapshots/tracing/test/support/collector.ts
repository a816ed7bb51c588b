import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CollectedSpan {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId?: string
  links?: { traceId: string; spanId: string }[]
  attributes: Record<string, unknown>
}

interface Attribute {
  key: string
  value: Record<string, unknown>
}

/** A collector that keeps what the exporter sends, as OTLP has it in JSON. */
export async function collector() {
  const spans: CollectedSpan[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString())
    for (const { scopeSpans } of resourceSpans) {
      for (const { spans: sent } of scopeSpans) spans.push(...sent.map(readable))
    }
    res.setHeader('Content-Type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    named: (name: string) => spans.find((span) => span.name === name),
    close: () => server.close(),
  }
}

function readable(span: CollectedSpan & { attributes: Attribute[] }): CollectedSpan {
  const entries = span.attributes.map(({ key, value }) => [key, Object.values(value)[0]])
  return { ...span, attributes: Object.fromEntries(entries) }
}
