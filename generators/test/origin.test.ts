import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { choices, optionsOf, switches } from '../src/features.js'
import { type Origin, originPath, originText, readOrigin, selectionOf } from '../src/origin.js'
import { fixtureInstallation, runCli, temporaryDirectory, writeTree } from './support/fixture.js'

const good: Origin = { version: '0.1.0', name: '@acme/search', options: optionsOf({}) }

function projectWith(content: string | Buffer): string {
  return writeTree(temporaryDirectory(), { [originPath]: content })
}
const withChange = (change: object) => projectWith(JSON.stringify({ ...good, ...change }))

describe('what a project was made from', () => {
  it('is every choice and switch, and nothing else', async () => {
    const place = temporaryDirectory()
    const bin = fixtureInstallation(undefined, '0.1.0')
    const flags = ['--yes', '--no-install', '--no-git', '--auth', 'jwt+apikey', '--redis']
    for (const name of ['a', 'b']) await runCli(bin, [name, '--name', 'x', ...flags], place)
    const text = readFileSync(join(place, 'a', originPath), 'utf8')
    expect(readFileSync(join(place, 'b', originPath), 'utf8')).toBe(text)
    const { options, ...rest } = JSON.parse(text)
    expect(rest).toEqual({ version: '0.1.0', name: 'x' })
    expect(Object.keys(options)).toEqual([...Object.keys(choices), ...Object.keys(switches)].sort())
    expect(options).toMatchObject({ auth: 'apikey+jwt', redis: true, stdio: true, ci: 'github' })
    expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 2)}\n`)
    expect(await readOrigin(join(place, 'a'), '0.1.0')).toEqual({ ...rest, options })
  })

  it('comes back as it was kept, from the newest and an older version', async () => {
    const project = projectWith(originText(good))
    expect(await readOrigin(project, '0.1.0')).toEqual(good)
    expect(await readOrigin(project, '1.0.0-canary.3')).toEqual(good)
    const known = selectionOf(good.options)
    expect(known).toEqual({ selection: good.options, unknown: [] })
  })

  it('may know options of other versions, which are named', () => {
    const options = { auth: 'kerberos', ci: 'none', fax: true, redis: 'cluster', sdk: false }
    expect(selectionOf(options)).toEqual({
      selection: { ci: 'none' },
      unknown: ['auth: kerberos', 'fax: true', 'redis: cluster', 'sdk: false'],
    })
  })
})

describe('a file that cannot be trusted', () => {
  const refused = (project: string) => expect(readOrigin(project, '0.2.0')).rejects

  it.each([
    ['; rm -rf ~'],
    ['1.0.0 --registry=http://127.0.0.1:9'],
    ['1.0.0\n--registry=x'],
    ['latest'],
    ['^0.1.0'],
    ['../../evil'],
    ['http://127.0.0.1/evil.tgz'],
    ['file:../evil'],
    ['0.1.0 || 9.9.9'],
    ['0.1'],
    ['v0.1.0'],
    ['01.1.0'],
    ['0.1.0-'],
    ['0.1.0-$(id)'],
    [`0.1.0-${'a'.repeat(100)}`],
    [''],
    [1],
    [null],
    [{ toString: '0.1.0' }],
  ])('with the version %j', async (version) => {
    await refused(withChange({ version })).toThrow(
      /"version" .* is no version such as 1\.2\.3: restore/,
    )
  })

  it.each([
    ['../../x', 'cannot name the project'],
    ['x --kit=/etc', 'cannot name the project'],
    ['--kit', 'cannot name the project'],
    ['a\x1b[2Jb', String.raw`"a\u001b[2Jb" cannot name`],
    ['x'.repeat(5000), 'cannot name the project'],
    [['x'], 'it is missing or no text'],
    [undefined, 'it is missing or no text'],
  ])('with the name %j', async (name, message) => {
    await refused(withChange({ name })).toThrow(message)
  })

  it.each([
    [[], 'is no object'],
    ['auth', 'is no object'],
    [null, 'is no object'],
    [{ kit: 'vendor' }, 'option "kit" is none'],
    [{ diff: true }, 'option "diff" is none'],
    [{ from: 'x' }, 'option "from" is none'],
    [{ 'dry-run': true }, 'option "dry-run" is none'],
    [{ 'no-install': false }, 'option "no-install" is none'],
    [{ '-x': true }, 'option "-x" is none'],
    [{ 'a=b': true }, 'option "a=b" is none'],
    [{ 'a b': true }, 'option "a b" is none'],
    [{ 'a\x1b[2J': true }, String.raw`option "a\u001b[2J" is none`],
    [JSON.parse('{ "__proto__": true }'), 'option "__proto__" is none'],
    [{ auth: '../etc' }, 'has the value "../etc", which no flag takes'],
    [{ auth: 'jwt --kit=x' }, 'which no flag takes'],
    [{ auth: '$(id)' }, 'which no flag takes'],
    [{ auth: '' }, 'which no flag takes'],
    [{ auth: 'a'.repeat(1000) }, 'which no flag takes'],
    [{ auth: 1 }, 'has the value 1, which no flag takes'],
    [{ auth: ['jwt'] }, 'has the value ["jwt"], which no flag takes'],
    [{ stdio: null }, 'has the value null, which no flag takes'],
  ])('with the options %j', async (options, message) => {
    await refused(withChange({ options })).toThrow(message)
  })

  it.each([
    ['{', 'is damaged: JSON: '],
    ['[]', 'not a JSON object'],
    ['{}', '"version" undefined is no version'],
    [Buffer.from([0xff, 0xfe, 0x7b]), 'is damaged: JSON: '],
    ['a\x1b[2J\nb', 'is damaged: JSON: '],
    [' '.repeat(70_000), 'it is larger than 65536 bytes'],
  ])('that holds %j', async (content, message) => {
    const error = await readOrigin(projectWith(content), '0.2.0').catch((reason) => reason)
    expect(error.message).toContain(message)
    expect(error.message).toMatch(/restore the file as it was committed$/)
    expect(error.message).not.toMatch(/\p{Cc}/u)
  })

  it('that is a link, or a directory', async () => {
    const outside = projectWith(originText(good))
    const project = temporaryDirectory()
    symlinkSync(join(outside, originPath), join(project, originPath))
    await refused(project).toThrow('it is no file of its own, but a link or a directory')
    rmSync(join(project, originPath))
    mkdirSync(join(project, originPath))
    await refused(project).toThrow('it is no file of its own, but a link or a directory')
  })

  it('that is missing', async () => {
    await refused(temporaryDirectory()).toThrow(
      '.create-mcp-prod.json" does not exist: give the directory of a project',
    )
  })

  it('that is newer than the command', async () => {
    const message = 'newer than this command (0.2.0): run npx --yes create-mcp-prod@latest --diff'
    for (const version of ['0.2.1', '0.10.0', '1.0.0-canary.1']) {
      await refused(withChange({ version })).toThrow(message)
    }
  })
})

describe('--diff', () => {
  const bin = fixtureInstallation(undefined, '0.1.0')

  it.each([
    [['--diff', '--auth', 'jwt'], 2, '--auth cannot go with --diff'],
    [['--diff', '--no-stdio', '--redis'], 2, '--no-stdio, --redis cannot go with --diff'],
    [['--diff', '--name', 'x', '--no-git'], 2, '--name, --no-git cannot go with --diff'],
    [['--diff', '--dry-run', '--kit', 'x'], 2, '--dry-run, --kit cannot go with --diff'],
    [['--diff', '--no-install'], 2, '--no-install cannot go with --diff'],
    [['x', '--from', 'y'], 2, '--from goes with --diff alone'],
    [['--diff', 'a', 'b'], 2, 'argument "b" is one too many'],
    [
      ['--diff', 'nowhere'],
      1,
      `/nowhere" cannot be read: a part of the path cannot exist (ENOENT)`,
    ],
    [['--diff'], 1, '.create-mcp-prod.json" does not exist'],
  ])('refuses %j in one line', async (args, exitCode, message) => {
    const result = await runCli(bin, args, temporaryDirectory())
    expect(result.stderr).toContain(message)
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(result).toMatchObject({ exitCode, stdout: '' })
  })

  it('says that a project is up to date, and with --yes too', async () => {
    const project = withChange({})
    for (const args of [['--diff'], ['--diff', '--yes', project]]) {
      expect(await runCli(bin, args, project)).toEqual({
        ...{ exitCode: 0, stdout: '' },
        stderr: 'create-mcp-prod: up to date: the project is of 0.1.0\n',
      })
    }
  })

  it('refuses an option that its own version never had', async () => {
    const project = withChange({ options: { auth: 'jtw' } })
    const { stderr, exitCode } = await runCli(bin, ['--diff', project], project)
    expect(exitCode).toBe(1)
    expect(stderr).toContain('is damaged: no option is "auth: jtw": restore the file')
  })

  it('takes a project by a link to its directory', async () => {
    const place = temporaryDirectory()
    renameSync(withChange({}), join(place, 'real'))
    symlinkSync('real', join(place, 'link'))
    writeFileSync(join(place, 'other'), '')
    expect((await runCli(bin, ['--diff', 'link'], place)).exitCode).toBe(0)
    expect((await runCli(bin, ['--diff', 'other'], place)).exitCode).toBe(1)
  })
})
