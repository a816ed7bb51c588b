import { describe, expect, it } from 'vitest'
import type { RequestEnd } from '../src/index.js'
import { KIND, sink } from './sink.js'
import { callOf, SPAN_ID, TRACE_ID, TRACEPARENT, tracingTo } from './support.js'

const url = new URL('https://user:hunter2@api.example:8443/v1/items?key=hunter2#hunter2')
const request = { client: 'billing', method: 'GET', url, attempt: 1 }

/** What goes out with a request that is made within a call that came with this `_meta`. */
async function outgoing(meta: Record<string, unknown>, env: Record<string, string> = {}) {
  const collector = await sink()
  const { tracing } = tracingTo(collector.url, env)
  let sent: Record<string, string> | undefined
  await tracing.traceCall(callOf({ meta }), async () => {
    await tracing.traceClient(request, async (headers) => {
      sent = headers
      return { status: 200 }
    })
    return { outcome: 'ok' }
  })
  return { collector, tracing, sent: sent ?? {} }
}

describe('the span of an outgoing request', () => {
  it('tells where to, without credentials, query and fragment, and is what the next hop is told of', async () => {
    const meta = { traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'k=v' }
    const { collector, sent } = await outgoing(meta)
    await collector.until(2)
    const [call] = collector.named('tools/call lookup')
    const [span] = collector.named('GET')
    expect(span).toMatchObject({ kind: KIND.client, parentSpanId: call?.spanId, status: 0 })
    expect(span?.attributes).toEqual({
      'http.request.method': 'GET',
      'url.full': 'https://api.example:8443/v1/items',
      'server.address': 'api.example',
      'server.port': 8443,
      'http.response.status_code': 200,
    })
    expect(sent).toEqual({
      traceparent: `00-${TRACE_ID}-${span?.spanId}-01`,
      tracestate: 'a=1',
      baggage: 'k=v',
    })
    expect(collector.bodies.join()).not.toContain('hunter2')
  })

  const coded = (code: string, cause?: unknown) =>
    Object.assign(new Error('password=hunter2', { cause }), { code })
  it.each<[string, RequestEnd, string | undefined]>([
    ['a good answer', { status: 302 }, undefined],
    ['a refusal', { status: 404 }, '404'],
    ['a failure', { status: 503 }, '503'],
    ['the network', { error: coded('ERR_RESILIENCE_HTTP', coded('ECONNREFUSED')) }, 'ECONNREFUSED'],
    ['a name', { error: new DOMException('hunter2', 'AbortError') }, 'AbortError'],
    ['a code that is a text', { error: coded('hunter2 is the password') }, 'Error'],
    ['nothing', { error: undefined }, '_OTHER'],
    ['a circle', { error: circle() }, 'ECIRCLE'],
  ])('ends with %s', async (_what, ended, type) => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    await tracing.traceClient({ ...request, attempt: 3 }, async () => ended)
    const [span] = await collector.until(1)
    expect(span?.attributes['error.type']).toBe(type)
    expect(span?.attributes['http.request.resend_count']).toBe(2)
    expect(span?.status).toBe(type ? 2 : 0)
    expect(collector.bodies.join()).not.toContain('hunter2')
  })

  it('passes on the decision not to sample', async () => {
    const { sent } = await outgoing({ traceparent: TRACEPARENT.replace(/1$/, '0') })
    expect(sent.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`))
    expect(sent.traceparent).not.toContain(SPAN_ID)
  })
})

describe('baggage and tracestate of a stranger', () => {
  it('go on within the limits of W3C', async () => {
    const baggage = Array.from({ length: 400 }, (_, i) => `k${i}=v`).join(',')
    const tracestate = Array.from({ length: 60 }, (_, i) => `k${i}=v`).join(',')
    const { sent } = await outgoing({ traceparent: TRACEPARENT, baggage, tracestate })
    expect(sent.baggage?.split(',')).toHaveLength(180)
    expect(sent.tracestate?.split(',').length).toBeLessThanOrEqual(32)
  })

  it.each([
    ['too long', `k=${'v'.repeat(9000)}`],
    ['a member too long', `k=${'v'.repeat(5000)}`],
    ['a header of its own', 'k=v\r\nevil: 1'],
    ['letters that headers cannot carry', 'k=ü'],
    ['half a character', 'k=\ud800'],
    ['no text', { k: 'v' }],
  ])('end here when wrong: %s', async (_what, baggage) => {
    const { sent, tracing } = await outgoing({
      traceparent: TRACEPARENT,
      baggage,
      tracestate: baggage,
    })
    expect(Object.keys(sent)).not.toContain('baggage')
    expect(sent.tracestate ?? '').toBe('')
    await tracing.close()
    expect(tracing.stats()).toMatchObject({ exported: 2 })
  })

  it('cannot grow by being written out again', async () => {
    const baggage = Array.from({ length: 100 }, (_, i) => `k${i}=${'"'.repeat(78)}`).join(',')
    expect(baggage.length).toBeLessThan(8192 + 500)
    const { sent } = await outgoing({ traceparent: TRACEPARENT, baggage: baggage.slice(0, 8192) })
    expect(sent.baggage?.length).toBeLessThanOrEqual(8192)
  })
})

function circle(): unknown {
  const error = Object.assign(new Error('round'), { code: 'ECIRCLE' })
  error.cause = error
  return error
}
