import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { fixtureClone, fixtureInstallation, fixtureTemplates } from './support/fixture.js'
import { commandLine, describeTerminal, expectRestored, openTerminal } from './support/terminal.js'

/** A script that says where it runs, and ends by no signal but SIGKILL. */
const stubborn = `node -e "process.on('SIGTERM',()=>{});require('fs').writeFileSync('../pid',String(process.pid));setInterval(()=>{},1e3)"`

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Each question, and the flag that answers it. */
const questions = [
  ['Directory', 'new'],
  ['npm name', '--name new'],
  ['HTTP API', '--no-upstream'],
  ['over stdio', '--no-stdio'],
  ['PostgreSQL', '--no-postgres'],
  ['limits shared in Redis', '--no-redis'],
  ['OpenTelemetry', '--no-tracing'],
  ['sessions for', '--no-sessions'],
  ['❯ apikey', '--auth jwt'],
  ['❯ v2', '--sdk v2'],
  ['❯ github', '--ci none'],
  ['❯ kubernetes', '--deploy none'],
] as const

describeTerminal('who leaves', () => {
  let bin: string
  const clones: Record<string, string> = {}
  beforeAll(() => {
    bin = fixtureInstallation()
    for (const script of ['preinstall', 'build']) {
      const manifest = { private: true, scripts: { build: 'true', [script]: stubborn } }
      const templates = { ...fixtureTemplates, 'server/package.json': JSON.stringify(manifest) }
      clones[script] = fixtureClone(templates)
    }
  })

  it.each(questions)(
    'by Ctrl-C at "%s" gets the terminal back, and nothing is written',
    async (question) => {
      const index = questions.findIndex(([text]) => text === question)
      const flags = questions.slice(0, index).map(([, flag]) => flag)
      const terminal = openTerminal()
      terminal.run(commandLine(bin, flags.join(' ')))
      await terminal.see(question)
      terminal.press('C-c')
      const screen = await terminal.see('exit code 130')
      expect(screen).toMatch(/\ncreate-mcp-prod: interrupted: nothing was written\nexit code/)
      await expectRestored(terminal)
      expect(readdirSync(terminal.place)).toEqual([])
    },
  )

  it('by Ctrl-D gets the terminal back', async () => {
    const terminal = openTerminal()
    terminal.run(commandLine(bin))
    await terminal.see('Directory')
    terminal.press('C-d')
    const screen = await terminal.see('exit code 130')
    expect(screen).toMatch(/\ncreate-mcp-prod: left at a prompt: nothing was written\nexit code/)
    await expectRestored(terminal)
  })

  it.each(['SIGTERM', 'SIGHUP'])('by %s at a question gets the terminal back', async (signal) => {
    const terminal = openTerminal()
    terminal.run(`echo $$ > shell; ${commandLine(bin, '--no-git')}`)
    await terminal.see('Directory')
    process.kill(childOf(Number(readFileSync(join(terminal.place, 'shell'), 'utf8'))), signal)
    const screen = await terminal.see('exit code 130')
    expect(screen).toMatch(/\ncreate-mcp-prod: interrupted: nothing was written\nexit code/)
    await expectRestored(terminal)
  })

  it.each([
    ['preinstall', 'install', 'new'],
    ['build', 'build', 'here'],
  ])('by Ctrl-C twice while %s runs leaves nothing behind', async (script, step, directory) => {
    const terminal = openTerminal()
    mkdirSync(join(terminal.place, 'here'))
    terminal.run(commandLine(clones[script] ?? '', `${directory} --yes`))
    await terminal.see(new RegExp(`${step} +\\.\\.\\. `))
    await expect.poll(() => existsSync(join(terminal.place, 'pid')), { timeout: 15_000 }).toBe(true)
    terminal.press('C-c', 'C-c')
    const screen = await terminal.see('exit code 130')
    expect(screen).toContain(
      '\ncreate-mcp-prod: interrupted: everything this run made is removed\n',
    )
    expect(screen).not.toContain(' ... ')
    await expectRestored(terminal)
    expect(readdirSync(terminal.place).sort()).toEqual(['here', 'pid'])
    expect(readdirSync(join(terminal.place, 'here'))).toEqual([])
    const pid = Number(readFileSync(join(terminal.place, 'pid'), 'utf8'))
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
  })

  it('by closing the window leaves nothing behind, whatever runs', async () => {
    const terminal = openTerminal()
    terminal.run(commandLine(clones.build ?? '', 'new --yes'))
    await expect.poll(() => existsSync(join(terminal.place, 'pid')), { timeout: 15_000 }).toBe(true)
    terminal.close()
    await expect.poll(() => readdirSync(terminal.place), { timeout: 15_000 }).toEqual(['pid'])
    const pid = Number(readFileSync(join(terminal.place, 'pid'), 'utf8'))
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
  })

  it('by closing the window at a question leaves no process behind', async () => {
    const terminal = openTerminal()
    terminal.run(`echo $$ > shell; ${commandLine(bin)}`)
    await terminal.see('Directory')
    const pid = childOf(Number(readFileSync(join(terminal.place, 'shell'), 'utf8')))
    terminal.close()
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
    expect(readdirSync(terminal.place)).toEqual(['shell'])
  })

  it('by Ctrl-Z comes back to the question, with what was typed', async () => {
    const terminal = openTerminal()
    terminal.run(commandLine(bin, '--no-install --no-git'))
    await terminal.see('Directory')
    terminal.press('half')
    await terminal.see('Directory half')
    terminal.press('C-z')
    await terminal.see('exit code 148')
    await expectRestored(terminal)
    terminal.press('fg', 'Enter')
    await terminal.see(/fg\n[^?]*\n\? Directory half$/)
    terminal.press(' whole', 'Enter')
    await terminal.see('npm name (half-whole)')
    terminal.press('C-c')
    await terminal.see('interrupted: nothing was written')
  })

  it('by Ctrl-Z while it installs or builds comes back to it', async () => {
    const terminal = openTerminal()
    terminal.run(commandLine(clones.build ?? '', 'new --yes'))
    await terminal.see(/build +\.\.\. /)
    terminal.press('C-z')
    await terminal.see('exit code 148')
    terminal.press('fg', 'Enter')
    await terminal.see(/fg\n(.*\n)*.*build +\.\.\. /)
    terminal.press('C-c')
    await terminal.see('everything this run made is removed')
    expect(existsSync(join(terminal.place, 'new'))).toBe(false)
  })
})

/** The process that a shell runs. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}
