import { spawn, spawnSync } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must, strangersEnv } from './support/command.js'
import { missing } from './support/faults/components.js'
import { writeServer } from './support/project.js'
import { textsOf } from './support/workflows/rendered.js'

const unitPath = 'deploy/systemd/server.service'
const variants = {
  'API keys': { auth: 'apikey+jwt', postgres: true, redis: true },
  introspection: { auth: 'introspection', ci: 'none', deploy: 'none' },
}
const noAnalysis = missing('systemd', ['systemd-analyze', '--version'])

/** The values of a key of the unit, in their order. */
const valuesOf = (unit: string, key: string) =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)

describe.each(Object.entries(variants))('the systemd unit with %s', (_, selection) => {
  let home: string
  let file: string
  let unit: string
  let known: string
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'mcp-prod-systemd-'))
    const texts = await textsOf(selection)
    unit = texts.get(unitPath) ?? ''
    known = texts.get('.env.example') ?? ''
    file = join(home, 'my-server.service')
    // systemd looks for the program itself, which is elsewhere here.
    await writeFile(file, unit.replace('/usr/bin/node', process.execPath))
  })
  afterAll(() => rm(home, { recursive: true }))

  it.skipIf(noAnalysis)('is understood whole, and locked up', async () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    // Of 10, where 0 is without any exposure; what is left is the network.
    await must('systemd-analyze', ['security', '--offline=true', '--threshold=15', file], home)
  })

  it('hands secrets over as files, under names that the server reads', () => {
    const credentials = valuesOf(unit, 'LoadCredential').map((it) => it.split(':'))
    expect(credentials.length).toBeGreaterThan(0)
    for (const [name, path] of credentials) {
      expect(path).toMatch(/^\/etc\/my-server\//)
      const setting = (name ?? '').toUpperCase()
      expect(valuesOf(unit, 'Environment')).toContain(`${setting}_FILE=%d/${name}`)
      expect(known).toMatch(new RegExp(`^${setting}=`, 'm'))
    }
    expect(valuesOf(unit, 'Environment').filter((it) => !/=%d\//.test(it))).toEqual([
      'NODE_ENV=production',
    ])
  })

  it('waits longer for a stop than the server may take', () => {
    const secondsOf = (name: string) =>
      Number(new RegExp(`^${name}=(\\d+)s$`, 'm').exec(known)?.[1])
    const longest = secondsOf('SHUTDOWN_GRACE') + secondsOf('SHUTDOWN_DRAIN') + 5
    expect(Number.parseInt(valuesOf(unit, 'TimeoutStopSec')[0] ?? '', 10)).toBeGreaterThan(longest)
  })
})

it('has a command that serves with these secrets and nothing else, and ends by its signal with 0', async () => {
  const { folder } = await writeServer('systemd', { upstream: false, stdio: false })
  const unit = (await textsOf({})).get(unitPath) ?? ''
  const credentials = await mkdtemp(join(tmpdir(), 'mcp-prod-credentials-'))
  await copyFile(join(folder, 'keys.json'), join(credentials, 'api_keys'))
  const lines = valuesOf(unit, 'Environment').map((it) => it.replace('%d', credentials).split('='))
  const [, ...args] = (valuesOf(unit, 'ExecStart')[0] ?? '').split(' ')
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: {
      PATH: strangersEnv().PATH,
      ...Object.fromEntries(lines),
      ...{ PORT: '0', ADMIN_PORT: '0', SHUTDOWN_GRACE: '0s' },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('close', resolve))
  try {
    const messages: string[] = []
    createInterface(child.stdout).on('line', (line) => messages.push(JSON.parse(line).message))
    await expect.poll(() => messages, { timeout: 60_000 }).toContain('listening')
    child.kill(valuesOf(unit, 'KillSignal')[0] as NodeJS.Signals)
    expect(await exited).toBe(0)
  } finally {
    child.kill('SIGKILL')
    await rm(credentials, { recursive: true })
  }
})
