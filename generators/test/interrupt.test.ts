import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  environment,
  fixtureClone,
  fixtureInstallation,
  fixtureTemplates,
  temporaryDirectory,
} from './support/fixture.js'

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

function start(bin: string, args: string[], cwd: string) {
  const child = spawn(process.execPath, [bin, ...args], { cwd, env: environment(), stdio: 'pipe' })
  running.push(child)
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdout.resume()
  const ended = once(child, 'close').then(([exitCode]) => ({ exitCode, stderr }))
  return { child, ended }
}

/** A script that says it runs, does not end by itself, and does not end on SIGTERM. */
function stubborn(place: string): string {
  const code = `process.on('SIGTERM',()=>{});require('fs').writeFileSync('${place}/pid',String(process.pid));setInterval(()=>{},1e3)`
  return `node -e "${code}"`
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('an interrupted run', { timeout: 30_000 }, () => {
  it.each([
    ['installs', 'SIGINT', 'preinstall', 'new'],
    ['builds', 'SIGTERM', 'build', 'a/b/new'],
    ['builds in an existing directory', 'SIGHUP', 'build', 'existing'],
  ] as const)('leaves nothing while it %s (%s)', async (_, signal, script, directory) => {
    const scratch = temporaryDirectory()
    const place = temporaryDirectory()
    mkdirSync(join(place, 'existing'))
    const manifest = { scripts: { build: 'true', [script]: stubborn(scratch) } }
    const templates = { ...fixtureTemplates, 'server/package.json': JSON.stringify(manifest) }
    const { child, ended } = start(
      fixtureClone(templates),
      [directory, '--yes', '--name', 'x'],
      place,
    )
    await expect.poll(() => existsSync(join(scratch, 'pid')), { timeout: 15_000 }).toBe(true)
    expect(existsSync(join(place, directory, 'package.json'))).toBe(true)
    child.kill(signal)
    const { exitCode, stderr } = await ended
    expect(stderr).toBe('create-mcp-prod: interrupted: everything this run made is removed\n')
    expect(exitCode).toBe(130)
    expect(readdirSync(place)).toEqual(['existing'])
    expect(readdirSync(join(place, 'existing'))).toEqual([])
    const pid = Number(readFileSync(join(scratch, 'pid'), 'utf8'))
    // Whoever adopts it may take a while to bury it.
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
  })

  it('leaves nothing while it writes, however often it is interrupted', async () => {
    const place = temporaryDirectory()
    const many = Array.from({ length: 3000 }, (_, index) => [
      `server/f${index}/file.txt`,
      'x'.repeat(2000),
    ])
    const bin = fixtureInstallation({ ...fixtureTemplates, ...Object.fromEntries(many) })
    const { child, ended } = start(bin, ['a/new', '--yes', '--no-install'], place)
    const begun = () => existsSync(join(place, 'a')) && readdirSync(join(place, 'a')).length > 0
    await expect.poll(begun, { timeout: 15_000, interval: 2 }).toBe(true)
    child.kill('SIGINT')
    child.kill('SIGTERM')
    const again = setInterval(() => child.kill('SIGINT'), 5)
    // Once it has said so it is past its end, where Node no longer listens to signals.
    child.stderr.once('data', () => clearInterval(again))
    const { exitCode, stderr } = await ended
    expect(stderr).toBe('create-mcp-prod: interrupted: everything this run made is removed\n')
    expect(exitCode).toBe(130)
    expect(readdirSync(place)).toEqual([])
  })
})
