import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { fixtureClone, fixtureInstallation, fixtureTemplates } from './support/fixture.js'
import { commandLine, describeTerminal, openTerminal } from './support/terminal.js'

describeTerminal('in a narrow window', () => {
  let bin: string
  let clone: string
  beforeAll(() => {
    bin = fixtureInstallation()
    // The build lasts until it is let go, so that its line is drawn again and again.
    const build =
      "node -e \"setInterval(()=>require('fs').existsSync('../go')&&process.exit(),50)\""
    const manifest = JSON.stringify({ private: true, scripts: { build } })
    clone = fixtureClone({ ...fixtureTemplates, 'server/package.json': manifest })
  })

  it.each([40, 20])('of %i columns shows every step once', async (columns) => {
    const terminal = openTerminal({ columns })
    terminal.run(commandLine(clone, 'x --yes'))
    await terminal.see(/build +\.\.\. [2-9] s/)
    // A line that wraps would have left its first row behind each time.
    expect(terminal.screen().match(/build/g)).toHaveLength(1)
    expect(terminal.screen().match(/install/g)).toHaveLength(1)
    writeFileSync(join(terminal.place, 'go'), '')
    const screen = await terminal.see('exit code 0')
    expect(screen.match(/ build /g)).toHaveLength(1)
    expect(screen).not.toContain('...')
    expect(joined(screen)).toContain('gitfirstcommitonmain')
  })

  it('that becomes narrow and wide again while it runs leaves nothing behind', async () => {
    const terminal = openTerminal({ columns: 100 })
    terminal.run(commandLine(clone, 'x --yes'))
    await terminal.see(/build +\.\.\. \d s/)
    for (const columns of [40, 24, 60, 24, 120]) {
      terminal.resize(columns)
      const before = terminal.screen()
      await expect.poll(() => terminal.screen(), { timeout: 8000 }).not.toBe(before)
      expect(terminal.screen().match(/ build /g)).toHaveLength(1)
    }
    writeFileSync(join(terminal.place, 'go'), '')
    const screen = await terminal.see('exit code 0')
    expect(screen.match(/ build /g)).toHaveLength(1)
    expect(screen).not.toContain('...')
    expect(existsSync(join(terminal.place, 'x/.git'))).toBe(true)
  })

  it.each([40, 20])('of %i columns asks, and a long answer can be taken back', async (columns) => {
    const terminal = openTerminal({ columns })
    terminal.run(commandLine(bin, '--no-install --no-git --deploy none --ci none --sdk v2'))
    await terminal.see('Directory')
    terminal.press('a-name-that-is-longer-than-this-window-is-wide')
    await expect.poll(() => joined(terminal.screen())).toContain('window-is-wide')
    terminal.press('C-u', 'short', 'Enter')
    await terminal.see('npm name')
    expect(joined(terminal.screen())).toContain('?Directoryshort?npmname(short)')
    terminal.press('Enter')
    for (const asked of ['HTTP', 'stdio', 'PostgreSQL', 'Redis', 'OpenTelemetry', 'resume']) {
      await expect.poll(() => joined(terminal.screen())).toContain(asked)
      terminal.press('Enter')
    }
    await terminal.see('introspection')
    for (let at = 0; at < 6; at++) terminal.press('Down')
    await terminal.see('❯ introspection')
    terminal.press('Enter')
    const screen = await terminal.see('exit code 0')
    expect(joined(screen).match(/\?Howclientsauthenticate/g)).toHaveLength(1)
    expect(existsSync(join(terminal.place, 'short/tokens.ts'))).toBe(true)
  })
})

/** Without the spaces and ends of rows, which stand where the window has room for them. */
function joined(screen: string): string {
  return screen.replace(/\s/g, '')
}
