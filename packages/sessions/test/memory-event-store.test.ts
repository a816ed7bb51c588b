import { expect, it, vi } from 'vitest'
import { memoryEventStore } from '../src/index.js'

const seqs = (store: ReturnType<typeof memoryEventStore>, session: string, stream = 1) =>
  (store.read(session, stream, 0) as { seq: number }[]).map(({ seq }) => seq)

it('keeps events by session and stream, in order, and gives what came after', () => {
  const store = memoryEventStore()
  for (const session of ['a', '__proto__', 'constructor'])
    for (let seq = 1; seq <= 3; seq++) {
      store.append(session, 1, { seq, data: `${session} ${seq}` })
      store.append(session, 2, { seq, data: 'x' })
    }
  expect(store.read('__proto__', 1, 1)).toEqual([
    { seq: 2, data: '__proto__ 2' },
    { seq: 3, data: '__proto__ 3' },
  ])
  expect(store.read('hasOwnProperty', 1, 0)).toEqual([])
  store.drop('a')
  expect([seqs(store, 'a'), seqs(store, 'constructor')]).toEqual([[], [1, 2, 3]])
  expect(store.state().events).toBe(12)
})

it('is bounded in number and bytes, of each session and of all; the oldest go', () => {
  const store = memoryEventStore({
    maxEvents: 10,
    maxEventsPerSession: 4,
    maxBytes: 5000,
    maxBytesPerSession: 2000,
  })
  for (let seq = 1; seq <= 100; seq++) store.append('a', 1, { seq, data: '' })
  expect(seqs(store, 'a')).toEqual([97, 98, 99, 100])
  for (const session of ['b', 'c', 'd'])
    for (let seq = 1; seq <= 4; seq++) store.append(session, 1, { seq, data: '' })
  expect(store.state().events).toBe(10)
  expect([seqs(store, 'a'), seqs(store, 'b'), seqs(store, 'd')]).toEqual([[], [3, 4], [1, 2, 3, 4]])
  store.append('e', 1, { seq: 1, data: 'x'.repeat(800) })
  store.append('e', 1, { seq: 2, data: 'x'.repeat(800) })
  expect(seqs(store, 'e')).toEqual([2])
  store.append('e', 1, { seq: 3, data: 'x'.repeat(10_000) })
  expect(seqs(store, 'e')).toEqual([2])
  expect(store.state().bytes).toBeLessThanOrEqual(5000)
})

it('forgets with time, also when nothing more comes', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const store = memoryEventStore({ maxAgeMs: 1000 })
    store.append('a', 1, { seq: 1, data: 'x' })
    vi.advanceTimersByTime(600)
    store.append('a', 1, { seq: 2, data: 'x' })
    vi.advanceTimersByTime(500)
    expect(seqs(store, 'a')).toEqual([2])
    vi.advanceTimersByTime(600)
    expect(store.state()).toEqual({ events: 0, bytes: 0 })
  } finally {
    vi.useRealTimers()
  }
})

it('holds what it says and no more, whatever comes and goes', async () => {
  const store = memoryEventStore({ maxEvents: 1000 })
  for (let round = 0; round < 50_000; round++) {
    const session = `s${round % 97}`
    store.append(session, round % 3, { seq: round, data: 'x'.repeat(round % 50) })
    if (round % 11 === 0) store.drop(`s${(round * 7) % 97}`)
  }
  const left: unknown[] = []
  for (let i = 0; i < 97; i++) {
    for (const stream of [0, 1, 2]) left.push(...(await store.read(`s${i}`, stream, -1)))
  }
  expect(store.state().events).toBe(left.length)
  expect(store.state().events).toBeLessThanOrEqual(1000)
  for (let i = 0; i < 97; i++) store.drop(`s${i}`)
  expect(store.state()).toEqual({ events: 0, bytes: 0 })
})
