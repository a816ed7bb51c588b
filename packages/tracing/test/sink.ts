import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, vi } from 'vitest'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Runs after the test, in reverse order. */
export function atEnd(close: () => unknown): void {
  closers.push(close)
}

type Value = string | number | boolean | string[]

export interface SunkSpan {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  traceState: string | undefined
  attributes: Record<string, Value>
  links: { traceId: string; spanId: string }[]
  /** 0 unset, 2 error. */
  status: number
  statusMessage: string | undefined
  events: number
  service: Record<string, Value>
}

export const KIND = { internal: 1, server: 2, client: 3 }

type Answer = (req: IncomingMessage, res: ServerResponse) => void

const take: Answer = (_req, res) => res.setHeader('content-type', 'application/json').end('{}')

/** A collector: takes OTLP/HTTP JSON and keeps the decoded spans. */
export async function sink(first: Answer = take) {
  const spans: SunkSpan[] = []
  const bodies: string[] = []
  const requests: IncomingMessage[] = []
  let answer = first
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    const isZipped = req.headers['content-encoding'] === 'gzip'
    const text = (isZipped ? gunzipSync(bytes) : bytes).toString()
    requests.push(req)
    bodies.push(text)
    if (answer === take) spans.push(...decode(text))
    answer(req, res)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    bodies,
    requests,
    answer: (next: Answer = take) => {
      answer = next
    },
    named: (name: string) => spans.filter((span) => span.name === name),
    async until(count: number): Promise<SunkSpan[]> {
      await vi.waitFor(
        () => {
          if (spans.length < count) throw new Error(`${spans.length} of ${count} spans so far`)
        },
        { timeout: 15_000, interval: 20 },
      )
      return spans
    },
  }
}

interface OtlpValue {
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: { values: OtlpValue[] }
}
type OtlpAttributes = { key: string; value: OtlpValue }[]

function readValue({
  stringValue,
  intValue,
  doubleValue,
  boolValue,
  arrayValue,
}: OtlpValue): Value {
  if (stringValue !== undefined) return stringValue
  if (intValue !== undefined) return Number(intValue)
  if (doubleValue !== undefined) return doubleValue
  if (boolValue !== undefined) return boolValue
  return (arrayValue?.values ?? []).map((value) => String(readValue(value)))
}

function attributesOf(list: OtlpAttributes = []): Record<string, Value> {
  return Object.fromEntries(list.map(({ key, value }) => [key, readValue(value)]))
}

function decode(text: string): SunkSpan[] {
  const { resourceSpans } = JSON.parse(text)
  const found: SunkSpan[] = []
  for (const { resource, scopeSpans } of resourceSpans) {
    for (const { spans } of scopeSpans) {
      for (const span of spans) {
        found.push({
          name: span.name,
          kind: span.kind,
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId || undefined,
          traceState: span.traceState,
          attributes: attributesOf(span.attributes),
          links: (span.links ?? []).map(({ traceId, spanId }: SunkSpan) => ({ traceId, spanId })),
          status: span.status?.code ?? 0,
          statusMessage: span.status?.message,
          events: (span.events ?? []).length,
          service: attributesOf(resource.attributes),
        })
      }
    }
  }
  return found
}
