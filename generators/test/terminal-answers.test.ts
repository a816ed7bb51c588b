import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { fixtureInstallation } from './support/fixture.js'
import { commandLine, describeTerminal, openTerminal } from './support/terminal.js'

const given =
  '--no-upstream --no-stdio --no-postgres --no-redis --no-tracing --no-sessions --auth apikey --sdk v2 --ci none --deploy none --no-install --no-git'

describeTerminal('answers', () => {
  let bin: string
  beforeAll(() => {
    bin = fixtureInstallation()
  })

  function askForDirectory() {
    const terminal = openTerminal({ columns: 100 })
    terminal.run(commandLine(bin, given))
    return terminal
  }

  it.each([
    ['spaces', 'my own server', 'my-own-server'],
    ['spaces around it', '  my-server  ', 'my-server'],
    ['an accent', 'serveur-été', 'serveur-e-te'],
    ['another script', 'サーバー', 'my-server'],
    ['an emoji', '🚀 rocket', 'rocket'],
    ['a quote in it', "it's", 'it-s'],
    ['what a shell would run', '$(touch ran); `touch ran`', 'touch-ran-touch-ran'],
    ['what a format would fill in', '{{name}} %s', 'name-s'],
  ])('a pasted directory with %s is taken as it is', async (_, directory, name) => {
    const terminal = askForDirectory()
    await terminal.see(/Directory \(my-server\)/)
    terminal.paste(directory)
    terminal.press('Enter')
    await terminal.see(`npm name (${name})`)
    terminal.press('Enter')
    await terminal.see('exit code 0')
    expect(readdirSync(terminal.place)).toEqual([directory.trim()])
    expect(existsSync(join(terminal.place, directory.trim(), 'README.md'))).toBe(true)
  })

  it.each([
    ['quotes around it', '"my server"', 'quotes would be part of the name: leave them out'],
    ['~', '~/my-server', 'no shell expands ~ here: write the path out'],
    ['nothing but spaces', '   ', 'this is empty: name a directory'],
    ['backslashes', 'work\\my-server', 'this reads like a path of Windows: write /'],
    ['a drive', 'C:/code/my-server', 'this reads like a path of Windows: write /'],
    ['300 letters', 'x'.repeat(300), 'the name is too long (ENAMETOOLONG)'],
    ['a directory in use', 'used', 'is not empty (it holds "file")'],
  ])('a pasted directory with %s is refused, and can be mended', async (_, directory, problem) => {
    const terminal = askForDirectory()
    mkdirSync(join(terminal.place, 'used/file'), { recursive: true })
    await terminal.see(/Directory \(my-server\)/)
    terminal.paste(directory)
    terminal.press('Enter')
    await terminal.see(problem)
    terminal.press('C-u', 'mended', 'Enter')
    await terminal.see('npm name (mended)')
    terminal.press('Enter')
    await terminal.see('exit code 0')
    expect(readdirSync(terminal.place).sort()).toEqual(['mended', 'used'])
  })

  it('a pasted line end answers one question with what is shown, and what follows waits at the next', async () => {
    const terminal = askForDirectory()
    await terminal.see(/Directory \(my-server\)/)
    terminal.paste('first\nsecond\nthird')
    // A line may come while the one before is still looked at, and takes its place: it is the one that is shown then.
    const screen = await terminal.see(/npm name \((first|second)\)/)
    const [, shown = ''] = /Directory (first|second)$/m.exec(screen) ?? []
    terminal.press('C-u', 'Enter')
    await terminal.see('exit code 0')
    expect(readdirSync(terminal.place)).toEqual([shown])
  })

  it('what is typed before the first question is its answer', async () => {
    const terminal = openTerminal({ columns: 100 })
    terminal.run(`sleep 1; ${commandLine(bin, given)}`)
    terminal.press('typed-ahead', 'Enter')
    await terminal.see('npm name (typed-ahead)')
    terminal.press('Enter')
    await terminal.see('exit code 0')
    expect(readdirSync(terminal.place)).toEqual(['typed-ahead'])
  })

  it('is chosen with arrows, round both ends, and with numbers and letters as vi has them', async () => {
    const terminal = openTerminal()
    const rest = given.replace('--auth apikey', '').replace('--ci none', '')
    terminal.run(commandLine(bin, `x --name x ${rest}`))
    await terminal.see('❯ apikey\n')
    for (const [key, chosen] of [
      ['Up', 'apikey\\+jwt'],
      ['Down', 'apikey'],
      ['Down', 'jwt'],
      ['j', 'introspection'],
      ['k', 'jwt'],
      ['3', 'introspection'],
    ] as const) {
      terminal.press(key)
      await terminal.see(new RegExp(`❯ ${chosen}(\\s|$)`))
    }
    terminal.press('Enter')
    await terminal.see('❯ github')
    terminal.press('Down', 'Enter')
    const screen = await terminal.see('exit code 0')
    expect(screen).toContain('OAuth tokens: introspection\n')
    expect(screen).toContain('checks the project: gitlab\n')
  })
})
