import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { fixtureInstallation } from './support/fixture.js'
import { commandLine, describeTerminal, openTerminal } from './support/terminal.js'

describeTerminal('in a terminal', () => {
  let bin: string
  beforeAll(() => {
    bin = fixtureInstallation()
  })

  function start(args: string) {
    const terminal = openTerminal()
    terminal.run(commandLine(bin, args))
    return terminal
  }

  it('asks for what no flag says', async () => {
    const terminal = start('--no-install --no-git --no-stdio')
    await terminal.see(/Directory \(my-server\)/)
    terminal.press('My Server', 'Enter')
    await terminal.see(/npm name \(my-server\)/)
    terminal.press('NotAName', 'Enter')
    await terminal.see('name can no longer contain capital letters')
    terminal.press('C-u', 'Enter')
    await terminal.see(/Add an example tool that calls an HTTP API\? \(Y\/n\)/)
    terminal.press('n', 'Enter')
    await terminal.see(/Add a PostgreSQL pool and an example tool that queries it\? \(y\/N\)/)
    terminal.press('y', 'Enter')
    await terminal.see(/Add limits shared in Redis, and tools that keep notes\? \(y\/N\)/)
    terminal.press('Enter')
    await terminal.see(/Add OpenTelemetry traces, exported by OTLP\? \(y\/N\)/)
    terminal.press('Enter')
    await terminal.see(/Add sessions for clients of 2025: .*\? \(y\/N\)/s)
    terminal.press('Enter')
    await terminal.see(
      /How clients authenticate, with API keys or OAuth tokens: .*\n. apikey\n {2}jwt\n {2}introspection\n {2}apikey\+jwt$/,
    )
    terminal.press('Up', 'Enter')
    await terminal.see("The MCP SDK's line:")
    terminal.press('Enter')
    await terminal.see('A workflow that checks the project:')
    terminal.press('Down', 'Enter')
    await terminal.see('A container image and how to run it:')
    terminal.press('Enter')
    const output = await terminal.see('exit code 0')
    expect(output).toContain('API keys or OAuth tokens: apikey+jwt\n')
    expect(output).not.toContain('over stdio')
    expect(output).toContain(`cd 'My Server'`)
    expect(readFileSync(join(terminal.place, 'My Server/app.ts'), 'utf8')).toBe(
      'base()\ncompose()\npostgres()\n',
    )
    expect(readFileSync(join(terminal.place, 'My Server/README.md'), 'utf8')).toBe('# my-server\n')
    expect(existsSync(join(terminal.place, 'My Server/.github'))).toBe(false)
    expect(existsSync(join(terminal.place, 'My Server/keys.ts'))).toBe(true)
    expect(readFileSync(join(terminal.place, 'My Server/tokens.ts'), 'utf8')).toBe('jwt\n')
  })

  it('asks nothing when every flag is given, in whatever order --auth has its parts', async () => {
    const choices = '--name x --auth jwt+apikey --sdk v2 --ci none --deploy none'
    const switches = '--no-upstream --no-stdio --no-postgres --redis --no-tracing --no-sessions'
    const terminal = start(`here ${choices} ${switches} --no-install --no-git`)
    const output = await terminal.see('exit code 0')
    for (const asked of ['?', 'no terminal']) expect(output).not.toContain(asked)
    expect(readFileSync(join(terminal.place, 'here/tokens.ts'), 'utf8')).toBe('jwt\n')
    expect(readFileSync(join(terminal.place, 'here/app.ts'), 'utf8')).toBe('base()\nredis()\n')
  })

  it('asks again for a directory that cannot be used', async () => {
    const terminal = start('--no-install --no-git')
    await terminal.see(/Directory/)
    terminal.press('/', 'Enter')
    await terminal.see('directory "/" is not empty')
    terminal.press('C-c')
    await terminal.see('exit code 130')
  })

  it('asks nothing with --yes', async () => {
    const terminal = start('here --yes --no-install --no-git')
    const output = await terminal.see('exit code 0')
    expect(output).not.toContain('?')
    expect(readdirSync(terminal.place)).toEqual(['here'])
  })

  it('refuses a directory given as an argument before it asks', async () => {
    const terminal = start('/')
    expect(await terminal.see('exit code 1')).not.toContain('npm name')
  })
})
