import { describe, expect, it } from 'vitest'
import { machineProblems, planWorkers } from '../src/index.js'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

describe('a plan', () => {
  it('has as many workers as there are CPUs and room for', () => {
    const countOf = (memoryBytes: number, cpus: number) =>
      planWorkers('auto', { memoryBytes, cpus }).count
    expect(countOf(8 * GiB, 4)).toBe(4)
    expect(countOf(8 * GiB, 1)).toBe(1)
    expect(countOf(512 * MiB, 8)).toBe(3)
    expect(countOf(256 * MiB, 8)).toBe(1)
    expect(countOf(16 * MiB, 8)).toBe(1)
    // Who says a number has it.
    expect(planWorkers(6, { memoryBytes: 256 * MiB, cpus: 1 }).count).toBe(6)
  })

  it('leaves half of the memory to what is not heap, and some to the primary', () => {
    expect(planWorkers(1, { memoryBytes: 256 * MiB, cpus: 1 }).heapBytes).toBe(128 * MiB)
    for (const count of [2, 3, 8]) {
      const { heapBytes } = planWorkers(count, { memoryBytes: 4 * GiB, cpus: count })
      expect(heapBytes * count).toBeLessThanOrEqual(2 * GiB)
      expect(heapBytes * count).toBeGreaterThan(1.8 * GiB)
    }
  })

  it('says it in flags, that of the new generation too', () => {
    const flagsOf = (memoryBytes: number, count: number) =>
      planWorkers(count, { memoryBytes, cpus: count }).flags
    expect(flagsOf(256 * MiB, 1)).toEqual(['--max-old-space-size=128', '--max-semi-space-size=4'])
    expect(flagsOf(8 * GiB, 2)).toEqual(['--max-old-space-size=2024', '--max-semi-space-size=16'])
    expect(flagsOf(64 * MiB, 4)).toEqual(['--max-old-space-size=16', '--max-semi-space-size=1'])
  })

  it('never has less threads than libuv, and more where each worker has several CPUs', () => {
    const threadsOf = (count: number, cpus: number) =>
      planWorkers(count, { memoryBytes: 64 * GiB, cpus }).threads
    expect([threadsOf(1, 1), threadsOf(4, 4), threadsOf(2, 16), threadsOf(1, 5_000)]).toEqual([
      4, 4, 8, 1024,
    ])
  })

  it('is refused for what is no machine', () => {
    const machine = { memoryBytes: GiB, cpus: 1 }
    const wrong = [
      () => planWorkers(0, machine),
      () => planWorkers(1.5, machine),
      () => planWorkers(257, machine),
      () => planWorkers('auto', { ...machine, cpus: 0.5 }),
      () => planWorkers('auto', { ...machine, memoryBytes: Number.NaN }),
    ]
    for (const plan of wrong) {
      expect(plan).toThrow(expect.objectContaining({ code: 'ERR_WORKERS_OPTION' }))
    }
  })
})

describe('problems', () => {
  const problems = (
    machine: { memoryBytes: number; cpus: number },
    setting: { count?: number; heapLimitBytes?: number; threadPoolSize?: string },
  ) => machineProblems(machine, { count: 1, heapLimitBytes: 64 * MiB, ...setting })

  it('are none where all fits', () => {
    expect(problems({ memoryBytes: 256 * MiB, cpus: 1 }, {})).toEqual([])
    const many = { count: 4, heapLimitBytes: 250 * MiB, threadPoolSize: '16' }
    expect(problems({ memoryBytes: 2 * GiB, cpus: 4 }, many)).toEqual([])
  })

  it('are a heap that is not below the memory, with what to set', () => {
    // What V8 gives itself in a container of 256 MiB.
    const [found] = problems({ memoryBytes: 256 * MiB, cpus: 1 }, { heapLimitBytes: 259 * MiB })
    expect(found?.problem).toContain('the heap may grow to 259 MiB of 256 MiB')
    expect(found?.remedy).toContain('NODE_OPTIONS=--max-old-space-size=128')
    const shared = { count: 4, heapLimitBytes: 300 * MiB }
    expect(problems({ memoryBytes: GiB, cpus: 4 }, shared)[0]?.problem).toContain('4 workers')
  })

  it('are more workers than CPUs or memory', () => {
    const texts = problems({ memoryBytes: 256 * MiB, cpus: 1 }, { count: 3, heapLimitBytes: MiB })
    expect(texts.map(({ problem }) => problem)).toEqual([
      '256 MiB of memory are little for 3 workers',
      '3 workers share 1 CPU, and slow each other down',
    ])
    expect(texts[0]?.remedy).toContain('480 MiB')
  })

  it('are sizes of the thread pool that libuv reads otherwise', () => {
    const wrong = (threadPoolSize: string) =>
      problems({ memoryBytes: GiB, cpus: 1 }, { threadPoolSize }).length
    for (const size of ['four', '', '0', '-4', '4.5', '2000', '0x10']) {
      expect(wrong(size), size).toBe(1)
    }
    for (const size of ['1', '4', '1024']) expect(wrong(size), size).toBe(0)
  })
})
