import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { environment, git, runCli, temporaryDirectory } from './support/fixture.js'
import { homeOf, projectOf, twoVersions } from './support/upgrade.js'

let both: { old: string; next: string }
let project: string
beforeAll(async () => {
  both = twoVersions()
  project = await projectOf(both.old)
}, 60_000)

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

function start(args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [both.next, '--diff', ...args], {
    ...{ cwd: project, stdio: 'pipe' as const },
    env: { ...environment(), ...env },
  })
  running.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  return { child, ended: once(child, 'close').then(([exitCode]) => ({ exitCode, output })) }
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('an interrupted comparison', { timeout: 60_000 }, () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'leaves neither files nor the old command behind (%s)',
    async (signal) => {
      const TMPDIR = temporaryDirectory()
      const pidFile = join(temporaryDirectory(), 'pid')
      const old = homeOf(twoVersions().old)
      writeFileSync(
        join(old, 'bin/create-mcp-prod.js'),
        `import { writeFileSync } from 'node:fs'
process.on('SIGTERM', () => {})
setInterval(() => {}, 1000)
writeFileSync('left.txt', '')
writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))\n`,
      )
      const { child, ended } = start(['--from', old], { TMPDIR })
      const hasPid = () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== ''
      await expect.poll(hasPid, { timeout: 30_000 }).toBe(true)
      expect(readdirSync(TMPDIR)).toHaveLength(1)
      child.kill(signal)
      child.kill(signal)
      expect(await ended).toEqual({
        exitCode: 130,
        output: 'create-mcp-prod: interrupted: nothing was written\n',
      })
      expect(readdirSync(TMPDIR)).toEqual([])
      const pid = Number(readFileSync(pidFile, 'utf8'))
      await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
      expect(git(project, 'status', '--porcelain')).toBe('')
    },
  )

  it('does not wait for a registry that never answers', async () => {
    const TMPDIR = temporaryDirectory()
    const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const asked = once(silent, 'connection')
    const { port } = silent.address() as AddressInfo
    const { child, ended } = start([], {
      ...{ TMPDIR, npm_config_registry: `http://127.0.0.1:${port}` },
      npm_config_cache: temporaryDirectory(),
    })
    const [socket] = await asked
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ exitCode: 130 })
    expect(readdirSync(TMPDIR)).toEqual([])
    socket.destroy()
    silent.close()
  })
})

it('leaves no files behind when it ends, well or not', { timeout: 60_000 }, async () => {
  const TMPDIR = temporaryDirectory()
  const env = { ...environment(), TMPDIR }
  const ends = [
    await runCli(both.next, ['--diff', '--from', homeOf(both.old)], project, env),
    await runCli(both.next, ['--diff'], project, env),
    await runCli(both.next, ['--diff', '--from', 'nowhere'], project, env),
  ]
  expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 1, 1])
  expect(readdirSync(TMPDIR)).toEqual([])
  const nowhere = { ...env, TMPDIR: '/proc/nowhere' }
  const { stderr, exitCode } = await runCli(both.next, ['--diff', '--from', 'x'], project, nowhere)
  expect(exitCode).toBe(1)
  expect(stderr).toContain('cannot make a temporary directory in "/proc/nowhere": ')
})
