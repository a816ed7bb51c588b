import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { availableCpus, containerLimits } from '../src/index.js'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

/** A root with these files, and a machine of 16 GiB. */
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'cgroup-'))
  roots.push(root)
  const all = { '/proc/meminfo': 'MemTotal:       16777216 kB\nMemFree: 1 kB\n', ...files }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `${text}\n`)
  }
  return root
}
const limits = (files: Record<string, string>) => containerLimits({ root: tree(files) })

const MiB = 1024 * 1024
const HUGE = '9223372036854771712'
const mount2 = (root = '/') => `30 22 0:26 ${root} /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw`
const mount1 = (controllers: string, root = '/', folder = controllers) =>
  `31 30 0:28 ${root} /sys/fs/cgroup/${folder} ro,nosuid,relatime master:9 - cgroup cgroup rw,${controllers}`

describe('version 2', () => {
  it('is read in a namespace of its own, where the container is the root', () => {
    const files = {
      '/proc/self/cgroup': '0::/',
      '/proc/self/mountinfo': mount2(),
      '/sys/fs/cgroup/memory.max': String(256 * MiB),
      '/sys/fs/cgroup/memory.high': 'max',
      '/sys/fs/cgroup/cpu.max': '50000 100000',
    }
    expect(limits(files)).toEqual({ memoryBytes: 256 * MiB, cpus: 0.5, cgroup: 2 })
  })

  it('takes the smallest of its own and every parent', () => {
    const pod = '/sys/fs/cgroup/kubepods.slice/pod1.slice'
    const files = {
      '/proc/self/cgroup': '0::/kubepods.slice/pod1.slice/cri-1.scope',
      '/proc/self/mountinfo': mount2(),
      '/sys/fs/cgroup/kubepods.slice/cpu.max': '800000 100000',
      '/sys/fs/cgroup/kubepods.slice/memory.max': String(8192 * MiB),
      [`${pod}/cpu.max`]: '150000 100000',
      [`${pod}/memory.max`]: 'max',
      [`${pod}/cri-1.scope/cpu.max`]: 'max 100000',
      [`${pod}/cri-1.scope/memory.max`]: String(1024 * MiB),
      [`${pod}/cri-1.scope/memory.high`]: String(900 * MiB),
    }
    expect(limits(files)).toEqual({ memoryBytes: 900 * MiB, cpus: 1.5, cgroup: 2 })
  })

  it('is read where the path is that of the host, or leads out of what is mounted', () => {
    const own = {
      '/sys/fs/cgroup/memory.max': String(512 * MiB),
      '/sys/fs/cgroup/cpu.max': '200000 100000',
    }
    const expected = { memoryBytes: 512 * MiB, cpus: 2, cgroup: 2 }
    const paths: [string, string][] = [
      ['/docker/abc', '/'],
      ['/docker/abc', '/docker/abc'],
      ['/../other', '/'],
      ['/system.slice/docker-abc.scope', '/docker/def'],
    ]
    for (const [path, root] of paths) {
      const proc = { '/proc/self/cgroup': `0::${path}`, '/proc/self/mountinfo': mount2(root) }
      expect(limits({ ...own, ...proc }), path).toEqual(expected)
    }
  })

  it('has a default period, and knows no limit in what is none', () => {
    const proc = { '/proc/self/cgroup': '0::/', '/proc/self/mountinfo': mount2() }
    const cpu = (text: string) => limits({ ...proc, '/sys/fs/cgroup/cpu.max': text }).cpus
    expect(cpu('50000')).toBe(0.5)
    for (const none of ['max', 'max 100000', '0 100000', '-1 100000', 'a lot', '']) {
      expect(cpu(none), none).toBeUndefined()
    }
    const memory = (text: string) =>
      limits({ ...proc, '/sys/fs/cgroup/memory.max': text }).memoryBytes
    for (const none of ['max', '-1', '0', HUGE, String(32 * 1024 * MiB), '1e9', '']) {
      expect(memory(none), none).toBeUndefined()
    }
    expect(memory(String(16 * 1024 * MiB))).toBe(16 * 1024 * MiB)
  })
})

describe('version 1', () => {
  const name = '/libpod_parent/libpod-7d98'
  const proc = (root: string) => ({
    // As podman with runc has it: an empty hierarchy of version 2 beside it.
    '/proc/self/cgroup': [`4:memory:${name}`, `1:cpu,cpuacct:${name}`, `0::${name}`].join('\n'),
    '/proc/self/mountinfo': [
      '84 76 0:45 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
      mount1('cpu,cpuacct', root),
      mount1('memory', root),
      '40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ].join('\n'),
  })

  it('is read where its own group is mounted', () => {
    const files = {
      ...proc(name),
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': String(256 * MiB),
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000',
    }
    expect(limits(files)).toEqual({ memoryBytes: 256 * MiB, cpus: 0.5, cgroup: 1 })
  })

  it('takes the smallest of every parent that it sees, and what the kernel says of the others', () => {
    const files = {
      ...proc('/'),
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': HUGE,
      '/sys/fs/cgroup/memory/libpod_parent/memory.limit_in_bytes': String(700 * MiB),
      [`/sys/fs/cgroup/memory${name}/memory.limit_in_bytes`]: HUGE,
      [`/sys/fs/cgroup/memory${name}/memory.stat`]: `cache 0\nhierarchical_memory_limit ${600 * MiB}\nhierarchical_memsw_limit ${HUGE}`,
      '/sys/fs/cgroup/cpu,cpuacct/libpod_parent/cpu.cfs_quota_us': '300000',
      '/sys/fs/cgroup/cpu,cpuacct/libpod_parent/cpu.cfs_period_us': '100000',
      [`/sys/fs/cgroup/cpu,cpuacct${name}/cpu.cfs_quota_us`]: '-1',
      [`/sys/fs/cgroup/cpu,cpuacct${name}/cpu.cfs_period_us`]: '100000',
    }
    expect(limits(files)).toEqual({ memoryBytes: 600 * MiB, cpus: 3, cgroup: 1 })
  })

  it('knows no limit in -1, a huge number or a period that is missing', () => {
    const files = {
      ...proc(name),
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': HUGE,
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000',
    }
    expect(limits(files)).toEqual({ cgroup: 1 })
  })
})

it('finds nothing where there are no control groups', () => {
  expect(containerLimits({ root: tree({}) })).toEqual({})
  expect(containerLimits({ root: '/nowhere' })).toEqual({})
  const broken = { '/proc/self/cgroup': '0::', '/proc/self/mountinfo': 'a - b\n\0 - - -\n' }
  expect(limits(broken)).toEqual({})
})

it('reads a mount with a space in its name', () => {
  const files = {
    '/proc/self/cgroup': '0::/',
    '/proc/self/mountinfo': '30 22 0:26 / /my\\040groups rw - cgroup2 none rw',
    '/my groups/cpu.max': '250000 100000',
  }
  expect(limits(files).cpus).toBe(2.5)
})

it('reads those of this process', () => {
  const { memoryBytes = totalmem(), cpus = availableParallelism() } = containerLimits()
  expect(memoryBytes).toBeLessThanOrEqual(totalmem())
  expect(cpus).toBeGreaterThan(0)
})

it('plans for whole CPUs, one at least, and for no more than there are', () => {
  const cpusOf = (quota: string) =>
    availableCpus({
      root: tree({
        '/proc/self/cgroup': '0::/',
        '/proc/self/mountinfo': mount2(),
        '/sys/fs/cgroup/cpu.max': quota,
      }),
    })
  expect(cpusOf('10000 100000')).toBe(1)
  expect(cpusOf('199000 100000')).toBe(1)
  expect(cpusOf('200000 100000')).toBe(Math.min(2, availableParallelism()))
  expect(cpusOf('max 100000')).toBe(availableParallelism())
  expect(cpusOf('99900000 100000')).toBe(availableParallelism())
})

it('refuses a root that is no path', () => {
  for (const root of ['', 7, null]) {
    expect(() => containerLimits({ root: root as string })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_OPTION' }),
    )
  }
})
