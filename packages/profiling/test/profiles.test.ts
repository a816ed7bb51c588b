import { readdir, readFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { closeAll, errorOf, serve } from './serve.js'
import { startChild } from './start-child.js'

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[]
  samples: number[]
  timeDeltas: number[]
  startTime: number
  endTime: number
}
interface LoopReport {
  delayMs: Record<'mean' | 'p50' | 'p90' | 'p99' | 'max', number>
  utilization: { ratio: number }
  gc: { totalMs: number; kinds: Record<string, unknown> }
}
interface HeapNode {
  callFrame: { functionName: string; scriptId: string; url: string; lineNumber: number }
  selfSize: number
  id: number
  children: HeapNode[]
}
interface Snapshot {
  snapshot: {
    meta: { node_fields: string[]; node_types: unknown[]; edge_fields: string[] }
    node_count: number
    edge_count: number
  }
  nodes: number[]
  edges: number[]
  strings: string[]
}

afterEach(closeAll)

const file = (kind: string, extension: string) =>
  new RegExp(
    `^attachment; filename="${kind}-\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d-\\d{3}Z\\.${extension}"$`,
  )

/** What Chrome DevTools (and speedscope) need to draw it. */
function checkCpuProfile({ nodes, samples, timeDeltas, startTime, endTime }: CpuProfile): void {
  const ids = new Set(nodes.map((node) => node.id))
  expect(ids.size).toBe(nodes.length)
  expect(nodes[0]?.callFrame.functionName).toBe('(root)')
  for (const node of nodes) for (const child of node.children ?? []) expect(ids).toContain(child)
  expect(samples.length).toBeGreaterThan(100)
  expect(timeDeltas).toHaveLength(samples.length)
  expect(new Set(samples.filter((id) => !ids.has(id))).size).toBe(0)
  expect(endTime - startTime).toBeGreaterThan(900_000)
}

/** Whether V8's sampling thread runs, as Linux tells it. */
async function isSampling(): Promise<boolean> {
  const tasks = '/proc/self/task'
  const names = (await readdir(tasks)).map((task) => readFile(`${tasks}/${task}/comm`, 'utf8'))
  return (await Promise.all(names)).some((name) => name.startsWith('v8:Prof'))
}

describe('/cpu', () => {
  it('shows the function that burns the CPU of a real server, by name', async () => {
    const { url, get } = await startChild()
    const response = get('/cpu?seconds=1')
    for (let i = 0; i < 8; i++) await (await fetch(`${url}/burn`)).text()
    const { status, headers } = await response
    expect(status).toBe(200)
    expect(headers.get('content-disposition')).toMatch(file('cpu', 'cpuprofile'))
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    const profile = (await (await response).json()) as CpuProfile
    checkCpuProfile(profile)
    const burning = profile.nodes.filter(
      ({ callFrame }) => callFrame.functionName === 'burnTheProcessor',
    )
    const hits = profile.samples.filter((id) => burning.some((node) => node.id === id)).length
    expect(burning[0]?.callFrame.url).toContain('server-child.ts')
    expect(hits / profile.samples.length).toBeGreaterThan(0.1)
  })

  it('works beside a debugger and another profiler, and leaves theirs running', async () => {
    const { url, get } = await startChild({}, '--inspect=127.0.0.1:0')
    await fetch(`${url}/other-session`)
    checkCpuProfile((await (await get('/cpu?seconds=1')).json()) as CpuProfile)
    const other = (await (await fetch(`${url}/other-session-ends`)).json()) as CpuProfile
    expect(other.samples.length).toBeGreaterThan(100)
  })

  it('stops at once when its client goes away, and another can begin', async () => {
    const { get, events } = await serve()
    const abort = new AbortController()
    const gone = get('/cpu?seconds=30', { signal: abort.signal })
    await setTimeout(300)
    expect((await get('/event-loop?seconds=1')).status).toBe(409)
    if (process.platform === 'linux') expect(await isSampling()).toBe(true)
    abort.abort()
    await expect(gone).rejects.toThrow()
    await expect.poll(() => events.at(-1)?.ended).toBe('gone')
    expect(events.at(-1)).toMatchObject({ kind: 'cpu', seconds: 30, bytes: 0 })
    expect(events.at(-1)?.durationMs).toBeLessThan(20_000)
    if (process.platform === 'linux') expect(await isSampling()).toBe(false)
    const next = await get('/cpu?seconds=1')
    checkCpuProfile((await next.json()) as CpuProfile)
    expect(events.at(-1)).toMatchObject({ kind: 'cpu', seconds: 1, ended: 'done' })
    expect(events.at(-1)?.bytes).toBe(Number(next.headers.get('content-length')))
  })
})

describe('/heap-sampling', () => {
  it('shows who allocated what is still held', async () => {
    const { url, get } = await startChild()
    const response = get('/heap-sampling?seconds=1')
    await setTimeout(200)
    await fetch(`${url}/hold`)
    const { headers } = await response
    expect(headers.get('content-disposition')).toMatch(file('heap-sampling', 'heapprofile'))
    const { head, samples } = (await (await response).json()) as {
      head: HeapNode
      samples: { nodeId: number; size: number; ordinal: number }[]
    }
    expect(head.callFrame.functionName).toBe('(root)')
    expect(head.children.length).toBeGreaterThan(0)
    expect(samples.length).toBeGreaterThan(0)
    const all = (node: HeapNode): HeapNode[] => [node, ...node.children.flatMap(all)]
    const holder = all(head).filter((node) => node.callFrame.functionName === 'holdMuch')
    expect(holder.reduce((sum, node) => sum + node.selfSize, 0)).toBeGreaterThan(1_000_000)
  })

  it('leaves no sampler behind, whether it ended or its client went away', async () => {
    const { get, events } = await serve()
    await (await get('/heap-sampling?seconds=1')).json()
    const abort = new AbortController()
    const gone = get('/heap-sampling?seconds=30', { signal: abort.signal })
    await setTimeout(200)
    abort.abort()
    await expect(gone).rejects.toThrow()
    await expect.poll(() => events.at(-1)?.ended).toBe('gone')
    const session = new Session()
    session.connect()
    // V8 has one sampler for the process: it would say so, and know a profile.
    await expect(session.post('HeapProfiler.getSamplingProfile')).rejects.toThrow()
    await session.post('HeapProfiler.startSampling')
    await session.post('HeapProfiler.stopSampling')
    session.disconnect()
  })
})

it('leaves the heap sampler of a debugger alone', async () => {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling')
  const { get } = await serve()
  const response = await get('/heap-sampling?seconds=1')
  expect(response.status).toBe(409)
  expect(await errorOf(response)).toContain('debugger')
  const { profile } = await session.post('HeapProfiler.stopSampling')
  expect(profile.head.children.length).toBeGreaterThan(0)
  session.disconnect()
  expect((await get('/heap-sampling?seconds=1')).status).toBe(200)
})

describe('/heap-snapshot', () => {
  it('finds an object of a named class', async () => {
    const { url, get } = await startChild()
    await fetch(`${url}/hold`)
    const response = await get('/heap-snapshot')
    expect(response.headers.get('content-disposition')).toMatch(
      file('heap-snapshot', 'heapsnapshot'),
    )
    const { snapshot, nodes, edges, strings } = (await response.json()) as Snapshot
    const { node_fields: fields, edge_fields } = snapshot.meta
    expect(fields).toEqual(expect.arrayContaining(['type', 'name', 'id', 'self_size']))
    expect(nodes).toHaveLength(snapshot.node_count * fields.length)
    expect(edges).toHaveLength(snapshot.edge_count * edge_fields.length)
    const name = strings.indexOf('HeldOnPurpose')
    expect(name).toBeGreaterThan(-1)
    const nameAt = fields.indexOf('name')
    const found = nodes.filter((value, i) => i % fields.length === nameAt && value === name)
    expect(found.length).toBeGreaterThan(0)
  })
})

describe('/event-loop', () => {
  it('tells of a blocked loop, of garbage collection and of what is active', async () => {
    const { url, get } = await startChild()
    const idle = (await (await get('/event-loop?seconds=1')).json()) as LoopReport
    const response = get('/event-loop?seconds=1')
    await setTimeout(100)
    await (await fetch(`${url}/burn`)).text()
    await fetch(`${url}/hold`)
    const { headers } = await response
    expect(headers.get('content-disposition')).toMatch(file('event-loop', 'json'))
    const busy = (await (await response).json()) as LoopReport
    expect(busy).toMatchObject({
      seconds: 1,
      utilization: { ratio: expect.any(Number) },
      activeResources: { TCPServerWrap: 1 },
    })
    const { mean, p50, p90, p99, max } = busy.delayMs
    expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].toSorted((a, b) => a - b))
    expect(mean).toBeGreaterThanOrEqual(0)
    // It burns for 100 ms.
    expect(max).toBeGreaterThan(60)
    expect(max).toBeGreaterThan(idle.delayMs.p50)
    expect(busy.utilization.ratio).toBeGreaterThan(idle.utilization.ratio)
    expect(busy.gc.totalMs).toBeGreaterThan(0)
    expect(Object.keys(busy.gc.kinds).length).toBeGreaterThan(0)
  })
})
