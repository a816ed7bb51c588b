import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environment, fixtureInstallation, temporaryDirectory } from './support/fixture.js'

const hasTmux = spawnSync('tmux', ['-V']).status === 0
const isRequired = process.env.REQUIRE_COMPONENTS === '1'
const socket = `generators-test-${process.pid}`

const tmux = (...args: string[]) =>
  execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    env: environment(),
  })
const screen = (name: string) => tmux('capture-pane', '-p', '-S', '-200', '-t', name)
const press = (name: string, ...keys: string[]) => tmux('send-keys', '-t', name, ...keys)

async function see(name: string, text: string | RegExp): Promise<string> {
  await expect.poll(() => screen(name), { timeout: 8000, interval: 50 }).toMatch(text)
  return screen(name)
}

if (!hasTmux && !isRequired) {
  describe.skip('in a terminal (skipped: tmux is not installed)', () => {
    it('asks', () => {})
  })
} else {
  describe('in a terminal', { timeout: 30_000 }, () => {
    let bin: string
    beforeAll(() => {
      bin = fixtureInstallation()
    })
    afterAll(() => {
      spawnSync('tmux', ['-L', socket, 'kill-server'])
    })

    function start(name: string, args: string): string {
      const place = temporaryDirectory()
      const command = `'${process.execPath}' '${bin}' ${args}; echo exit code $?; sleep 60`
      tmux('new-session', '-d', '-s', name, '-x', '120', '-y', '50', '-c', place, command)
      return place
    }

    it('asks for what no flag says', async () => {
      const place = start('asks', '--no-install --no-git --no-stdio')
      await see('asks', /Directory \(my-server\)/)
      press('asks', 'My Server', 'Enter')
      await see('asks', /npm name \(my-server\)/)
      press('asks', 'NotAName', 'Enter')
      await see('asks', 'name can no longer contain capital letters')
      press('asks', 'C-u', 'Enter')
      await see('asks', /Add an example tool that calls an HTTP API\? \(Y\/n\)/)
      press('asks', 'n', 'Enter')
      await see('asks', /Add a PostgreSQL pool and an example tool that queries it\? \(y\/N\)/)
      press('asks', 'y', 'Enter')
      await see('asks', /Add limits shared in Redis, and tools that keep notes\? \(y\/N\)/)
      press('asks', 'Enter')
      await see('asks', /Add OpenTelemetry traces, exported by OTLP\? \(y\/N\)/)
      press('asks', 'Enter')
      await see(
        'asks',
        /How clients authenticate, with API keys or OAuth tokens: .*\n. apikey\n {2}jwt\n {2}introspection\n {2}apikey\+jwt\n/,
      )
      press('asks', 'Up', 'Enter')
      await see('asks', 'A workflow that checks the project:')
      press('asks', 'Down', 'Enter')
      await see('asks', 'A container image and how to run it:')
      press('asks', 'Enter')
      const output = await see('asks', 'exit code 0')
      expect(output).toContain('API keys or OAuth tokens: apikey+jwt\n')
      expect(output).not.toContain('over stdio')
      expect(output).toContain(`cd 'My Server'`)
      expect(readFileSync(join(place, 'My Server/app.ts'), 'utf8')).toBe(
        'base()\ncompose()\npostgres()\n',
      )
      expect(readFileSync(join(place, 'My Server/README.md'), 'utf8')).toBe('# my-server\n')
      expect(existsSync(join(place, 'My Server/.github'))).toBe(false)
      expect(existsSync(join(place, 'My Server/keys.ts'))).toBe(true)
      expect(readFileSync(join(place, 'My Server/tokens.ts'), 'utf8')).toBe('jwt\n')
    })

    it('asks nothing when every flag is given, in whatever order --auth has its parts', async () => {
      const choices = '--name x --auth jwt+apikey --ci none --deploy none'
      const switches = '--no-upstream --no-stdio --no-postgres --redis --no-tracing'
      const place = start('flags', `here ${choices} ${switches} --no-install --no-git`)
      const output = await see('flags', 'exit code 0')
      for (const asked of ['?', 'no terminal']) expect(output).not.toContain(asked)
      expect(readFileSync(join(place, 'here/tokens.ts'), 'utf8')).toBe('jwt\n')
      expect(readFileSync(join(place, 'here/app.ts'), 'utf8')).toBe('base()\nredis()\n')
    })

    it('asks again for a directory that cannot be used', async () => {
      start('again', '--no-install --no-git')
      await see('again', /Directory/)
      press('again', '/', 'Enter')
      await see('again', 'directory "/" is not empty')
      press('again', 'C-c')
      await see('again', 'exit code 130')
    })

    it('asks nothing with --yes', async () => {
      const place = start('yes', 'here --yes --no-install --no-git')
      const output = await see('yes', 'exit code 0')
      expect(output).not.toContain('?')
      expect(readdirSync(place)).toEqual(['here'])
    })

    it.each(['C-c', 'C-d'])(
      'ends with exit code 130 on %s, and nothing is written',
      async (key) => {
        const place = start(`leave${key}`, '')
        await see(`leave${key}`, /Directory/)
        press(`leave${key}`, key)
        const output = await see(`leave${key}`, 'exit code 130')
        expect(output).toContain('create-mcp-prod: ')
        expect(readdirSync(place)).toEqual([])
      },
    )

    it('refuses a directory given as an argument before it asks', async () => {
      start('refuse', '/')
      expect(await see('refuse', 'exit code 1')).not.toContain('npm name')
    })
  })
}
