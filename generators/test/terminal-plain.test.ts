import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { fixtureInstallation } from './support/fixture.js'
import { commandLine, describeTerminal, openTerminal } from './support/terminal.js'

const fast = '--yes --no-install --no-git'
/** Escape sequences for colours and other looks of letters. */
const looks = (text: string) => text.split('\x1b[').filter((part) => /^[\d;]*m/.test(part))

describeTerminal('what the terminal is sent', () => {
  let bin: string
  beforeAll(() => {
    bin = fixtureInstallation()
  })

  it('has colours where nothing speaks against them', async () => {
    const terminal = openTerminal()
    terminal.run(`env -u NO_COLOR ${commandLine(bin, `x ${fast}`)}`)
    await terminal.see('exit code 0')
    expect(looks(terminal.bytes())).not.toEqual([])
    expect(terminal.bytes()).toContain('\x1b[1mwrite')
  })

  it('has no colours with NO_COLOR, in prompts neither', async () => {
    const terminal = openTerminal()
    terminal.run(`NO_COLOR=1 ${commandLine(bin, '--no-install --no-git')}`)
    await terminal.see(/Directory \(my-server\)/)
    for (let question = 0; question < 12; question++) {
      terminal.press('Enter')
      await terminal.see(new RegExp(`(\\?[^?]*){${Math.min(question + 2, 12)}}`))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await terminal.see('exit code 0')
    expect(terminal.bytes()).toContain('my-server is ready')
    expect(looks(terminal.bytes())).toEqual([])
  })

  it('has no escape sequence with TERM=dumb', async () => {
    const terminal = openTerminal()
    terminal.run(`TERM=dumb ${commandLine(bin, `x ${fast}`)}`)
    await terminal.see('exit code 0')
    expect(terminal.bytes()).toContain('x is ready')
    expect(terminal.bytes()).not.toContain('\x1b')
  })

  it('asks line by line with TERM=dumb, again after a wrong answer, without an escape sequence', async () => {
    const terminal = openTerminal()
    terminal.run(`TERM=dumb ${commandLine(bin, '--no-install --no-git --no-redis')}`)
    await terminal.see(/Directory \(my-server\)$/)
    terminal.press('/', 'Enter')
    await terminal.see('directory "/" is not empty')
    terminal.press('My Server ', 'Enter')
    await terminal.see(/npm name \(my-server\)$/)
    terminal.press('NotAName', 'Enter')
    await terminal.see('name can no longer contain capital letters')
    terminal.press('Enter')
    await terminal.see(/Add an example tool that calls an HTTP API\? \(Y\/n\)$/)
    terminal.press('perhaps', 'Enter')
    await terminal.see('answer y or n')
    terminal.press('n', 'Enter')
    for (const asked of ['over stdio', 'PostgreSQL', 'OpenTelemetry', 'sessions']) {
      await terminal.see(new RegExp(`${asked}.*\\)$`))
      terminal.press('Enter')
    }
    await terminal.see(/tokens: apikey, jwt, introspection, apikey\+jwt \(apikey\)$/)
    terminal.press('oauth', 'Enter')
    await terminal.see('write one of these')
    terminal.press('jwt', 'Enter')
    for (const asked of ['SDK', 'workflow', 'container']) {
      await terminal.see(new RegExp(`${asked}.*\\)$`))
      terminal.press('Enter')
    }
    await terminal.see('exit code 0')
    expect(terminal.bytes()).not.toContain('\x1b')
    const read = (name: string) => readFileSync(join(terminal.place, 'My Server', name), 'utf8')
    expect(read('README.md')).toBe('# my-server\n')
    expect(read('tokens.ts')).toBe('jwt\n')
    expect(read('app.ts')).toBe('base()\nstdio()\ncompose()\n')
  })

  it.each(['C-c', 'C-d'])('ends with 130 on %s at a line, and writes nothing', async (key) => {
    const terminal = openTerminal()
    terminal.run(`TERM=dumb ${commandLine(bin)}`)
    await terminal.see(/Directory \(my-server\)$/)
    terminal.press(key)
    expect(await terminal.see('exit code 130')).toContain('\ncreate-mcp-prod: ')
    expect(terminal.bytes()).not.toContain('\x1b')
  })

  it('has neither escape sequence nor carriage return where a pipe stands in between', async () => {
    const terminal = openTerminal()
    const file = join(terminal.place, 'out')
    terminal.run(`env -u NO_COLOR ${commandLine(bin, `x ${fast}`)} 2>&1 | tee ${file} | cat`)
    await terminal.see('exit code 0')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('x is ready')
    for (const control of ['\x1b', '\r']) expect(text).not.toContain(control)
  })

  it('asks nothing where its output goes into a pipe, and says so', async () => {
    const terminal = openTerminal()
    terminal.run(`${commandLine(bin, 'x --no-install --no-git')} | cat`)
    const screen = await terminal.see('exit code 0')
    expect(screen).toContain('create-mcp-prod: no terminal to ask in, so defaults are taken')
    expect(terminal.bytes()).not.toContain('\x1b')
  })
})
