import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import type { Request } from 'express'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { abandonedRuns } from '../src/abandoned.js'
import { type AbandonedEvent, createToolServer, defineTool, type Tool } from '../src/index.js'
import { connect, info, modernCall, post, serve } from './support.js'

/** A tool that ignores its signal, and ends when it is told to. */
function stubborn(timeoutMs = 20) {
  const ends: { resolve: (text: string) => void; reject: (error: Error) => void }[] = []
  const tool = defineTool({
    name: 'stubborn',
    description: 'Ignores its signal',
    input: z.object({}),
    timeoutMs,
    run: () => new Promise<string>((resolve, reject) => ends.push({ resolve, reject })),
  })
  return { tool, ends }
}

const unhandled = vi.fn()
beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(() => {
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

describe('work that outlives its call', () => {
  it('is counted a second later, told of once, and told of again when it ends', async () => {
    const { tool, ends } = stubborn()
    const seen: AbandonedEvent[] = []
    const { url, logger } = await serve([tool], { onAbandoned: (event) => seen.push(event) })
    await (await connect(url)).callTool({ name: 'stubborn' })
    expect(seen).toEqual([])
    await vi.waitFor(() => expect(seen).toEqual([{ tool: 'stubborn', ended: false }]), 10_000)
    expect(logger.warn.mock.calls).toEqual([
      [
        'tool still runs though its call has ended',
        { tool: 'stubborn', ranMs: expect.any(Number), running: 1 },
      ],
    ])
    expect(logger.warn.mock.calls[0]?.[1].ranMs).toBeGreaterThanOrEqual(1000)
    ends[0]?.resolve('late')
    await vi.waitFor(() => expect(seen).toHaveLength(2))
    expect(seen[1]).toEqual({ tool: 'stubborn', ended: true })
    expect(logger.warn).toHaveBeenCalledTimes(1)
  })

  it('is counted when the client went away and when the process stops, too', async () => {
    const stop = new AbortController()
    const { tool, ends } = stubborn(60_000)
    const seen: AbandonedEvent[] = []
    const { url } = await serve([tool], {
      signal: stop.signal,
      onAbandoned: (event) => seen.push(event),
    })
    const { body, headers } = modernCall('stubborn', {})
    const gone = new AbortController()
    const request = fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: gone.signal,
    })
    const other = connect(url).then((client) => client.callTool({ name: 'stubborn' }))
    await vi.waitFor(() => expect(ends).toHaveLength(2), 10_000)
    gone.abort()
    await expect(request).rejects.toThrow()
    stop.abort()
    expect(JSON.stringify(await other)).toContain('shutting down')
    await vi.waitFor(() => expect(seen).toHaveLength(2), 10_000)
    for (const { reject } of ends) reject(new Error('late'))
    await vi.waitFor(() =>
      expect(seen.map(({ ended }) => ended)).toEqual([false, false, true, true]),
    )
  })

  it('is not counted when it ends within the second', async () => {
    const tool = defineTool({
      name: 'polite',
      description: 'Listens to its signal',
      input: z.object({}),
      timeoutMs: 20,
      run: (_input, { signal }) =>
        new Promise<string>((_, reject) =>
          signal.addEventListener('abort', () => setTimeout(reject, 50, signal.reason)),
        ),
    })
    const onAbandoned = vi.fn()
    const { url } = await serve([tool], { onAbandoned })
    await (await connect(url)).callTool({ name: 'polite' })
    await sleep(1300)
    expect(onAbandoned).not.toHaveBeenCalled()
  })

  it('closes the tool to further calls while there is too much of it, and opens it again', async () => {
    const { tool, ends } = stubborn()
    const other = defineTool({
      name: 'other',
      description: 'Answers',
      input: z.object({}),
      run: () => 'fine',
    })
    const seen: AbandonedEvent[] = []
    const { url, events } = await serve([tool, other], {
      // Two of one principal.
      maxAbandoned: 8,
      onAbandoned: (event) => {
        seen.push(event)
        throw new Error('watchers may fail')
      },
    })
    const client = await connect(url)
    await Promise.all([1, 2].map(() => client.callTool({ name: 'stubborn' })))
    await vi.waitFor(() => expect(seen).toHaveLength(2), 10_000)
    expect(await client.callTool({ name: 'stubborn' })).toMatchObject({
      isError: true,
      content: [
        {
          text: 'Tool stubborn is not available: earlier calls of it have not ended; try again later',
        },
      ],
    })
    expect(events.at(-1)?.outcome).toBe('overloaded')
    expect(ends).toHaveLength(2)
    expect(JSON.stringify(await client.callTool({ name: 'other' }))).toContain('fine')
    ends[0]?.resolve('late')
    await vi.waitFor(() => expect(seen).toHaveLength(3))
    const call = client.callTool({ name: 'stubborn' })
    await vi.waitFor(() => expect(ends).toHaveLength(3))
    ends[2]?.resolve('in time')
    await call
    ends[1]?.resolve('late')
  })

  it('closes the tool to the principal whose calls they are, and to no other', async () => {
    const { tool, ends } = stubborn()
    const seen: AbandonedEvent[] = []
    const authOf = ({ headers }: Request) => {
      const clientId = String(headers['x-client'])
      return { token: '[redacted]', clientId, scopes: [], extra: { principal: clientId } }
    }
    const onAbandoned = (event: AbandonedEvent) => seen.push(event)
    const { url, events } = await serve([tool], { maxAbandoned: 4, onAbandoned }, [], { authOf })
    const [greedy, honest] = await Promise.all(
      ['greedy', 'honest'].map((client) => connect(url, 'auto', { 'x-client': client })),
    )
    await greedy?.callTool({ name: 'stubborn' })
    await vi.waitFor(() => expect(seen).toHaveLength(1), 10_000)
    await greedy?.callTool({ name: 'stubborn' })
    expect(events.at(-1)?.outcome).toBe('overloaded')
    await honest?.callTool({ name: 'stubborn' })
    expect(events.at(-1)?.outcome).toBe('timeout')
    for (const { resolve } of ends) resolve('late')
  })

  it('closes the tool to no principal of another tenant that is called the same', async () => {
    const { tool, ends } = stubborn()
    const seen: AbandonedEvent[] = []
    const authOf = ({ headers }: Request) => {
      const { 'x-principal': principal, 'x-tenant': tenant } = headers
      return { token: '', clientId: 'app', scopes: [], extra: { principal, tenant } }
    }
    const onAbandoned = (event: AbandonedEvent) => seen.push(event)
    const { url, events } = await serve([tool], { maxAbandoned: 4, onAbandoned }, [], { authOf })
    const call = async (who: Record<string, string>) => {
      const { body, headers } = modernCall('stubborn', {})
      await post(url, body, { ...headers, ...who })
      return events.at(-1)?.outcome
    }
    const ci = { 'x-principal': 'ci' }
    await call({ ...ci, 'x-tenant': 'acme' })
    await vi.waitFor(() => expect(seen).toHaveLength(1), 10_000)
    expect(await call({ ...ci, 'x-tenant': 'acme' })).toBe('overloaded')
    for (const other of [
      { ...ci, 'x-tenant': 'other' },
      ci,
      { 'x-principal': '["acme","ci"]' },
      { 'x-principal': 'tenant ["acme","ci"]' },
    ])
      expect(await call(other)).toBe('timeout')
    for (const { resolve } of ends) resolve('late')
  })

  it('does not hold the process up while it waits to be counted', () => {
    vi.useFakeTimers()
    try {
      const unref = vi.spyOn(globalThis, 'setTimeout')
      const logger = { debug() {}, info() {}, warn: vi.fn(), error() {} }
      const onAbandoned = vi.fn()
      const runs = abandonedRuns('t', 1, logger, onAbandoned)
      runs.watch(new Promise(() => {}), performance.now(), undefined)
      expect(unref.mock.results[0]?.value.hasRef()).toBe(false)
      expect(runs.isFull(undefined)).toBe(false)
      vi.advanceTimersByTime(1000)
      expect(runs.isFull(undefined)).toBe(true)
      expect(onAbandoned).toHaveBeenCalledWith({ tool: 't', ended: false })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('what comes late', () => {
  const both = (text: string) => text.match(/"id":1/g)?.length

  it('is no second answer, in either stream or JSON', async () => {
    let late: Promise<unknown> | undefined
    const tool = defineTool({
      name: 'late',
      description: 'Answers too late',
      input: z.object({}),
      timeoutMs: 20,
      run: (_input, { progress }) => {
        late = sleep(60).then(async () => {
          await progress(1, 1, 'late-progress')
          return 'late-result'
        })
        return late as Promise<string>
      },
    })
    const { url } = await serve([tool])
    for (const progressToken of [undefined, 'p']) {
      const { body, headers } = modernCall('late', {})
      Object.assign(body.params._meta, { progressToken })
      const { text } = await post(url, body, headers)
      await late
      expect(both(text)).toBe(1)
      expect(text).toContain('did not answer within 20 ms')
      expect(text).not.toContain('late-')
    }
  })

  it('does not reach the client as progress, on a connection that lasts', async () => {
    let told = false
    const tool = defineTool({
      name: 'talker',
      description: 'Tells of progress after its end',
      input: z.object({ hang: z.boolean() }),
      timeoutMs: 30,
      run: ({ hang }, { progress }) => {
        setTimeout(async () => {
          await progress(2, 2, 'late-progress')
          told = true
        }, 80)
        void progress(1, 2, 'in time')
        return hang ? new Promise<string>(() => {}) : 'done'
      },
    })
    const { open, received } = await overMemory(tool)
    const client = await open()
    for (const hang of [true, false]) {
      told = false
      await client.callTool({ name: 'talker', arguments: { hang } }, { onprogress: () => {} })
      await vi.waitFor(() => expect(told).toBe(true))
    }
    const sent = JSON.stringify(received)
    expect(sent.match(/in time/g)).toHaveLength(2)
    expect(sent).not.toContain('late-progress')
  })

  it('does not reject in the tool when progress cannot be sent', async () => {
    const tool = defineTool({
      name: 'odd',
      description: 'Tells of what cannot be told',
      input: z.object({}),
      run: async (_input, { progress }) => {
        await progress(1n as never)
        return 'done'
      },
    })
    const { open } = await overMemory(tool)
    const client = await open()
    const result = await client.callTool({ name: 'odd' }, { onprogress: () => {} })
    expect(JSON.stringify(result)).toContain('done')
  })
})

/** Over a transport that lasts like stdio, with all that the server sent. */
async function overMemory(tool: Tool) {
  const received: unknown[] = []
  const server = await createToolServer([tool], info)({ era: 'legacy' })
  const [near, far] = InMemoryTransport.createLinkedPair()
  const send = far.send.bind(far)
  far.send = (message, options) => {
    received.push(message)
    return send(message, options)
  }
  await server.connect(far)
  return {
    received,
    async open() {
      const client = new Client(info)
      await client.connect(near)
      return client
    },
  }
}
