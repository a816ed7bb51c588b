import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve, win32 } from 'node:path'
import { describe, expect, it } from 'vitest'
import { directoryMistake } from '../src/directory-mistake.js'
import { featuresOf, type Selection } from '../src/features.js'
import { renderProject } from '../src/render.js'
import { changeTo, commandTo } from '../src/shell.js'
import { writeProject } from '../src/write.js'
import { git, temporaryDirectory } from './support/fixture.js'

const templates = resolve(import.meta.dirname, '../../templates')
const fixed = '0'.repeat(64)
const values = {
  ...{ devKey: 'mcp_dev_0', devKeyHash: fixed, devClientSecret: fixed },
  ...{ devPassword: fixed, devStateKey: fixed },
}

const render = (from: string, selection: Selection) =>
  renderProject({
    ...{ name: 'x', templates: from, values },
    features: { ...featuresOf(selection), vendor: false },
  })

const everything: Selection = {
  ...{ postgres: true, redis: true, tracing: true, sessions: true },
  ...{ auth: 'apikey+jwt', ci: 'gitlab' },
}

describe('a clone with CRLF, as git makes it on Windows', () => {
  it.each([
    ['by default', {}],
    ['with everything', everything],
    ['with little', { auth: 'introspection', deploy: 'compose', sdk: 'v1', stdio: false }],
  ])('writes the same project, byte for byte, %s', async (_, selection) => {
    const crlf = join(temporaryDirectory(), 'templates')
    cpSync(templates, crlf, { recursive: true, filter: (path) => !path.endsWith('node_modules') })
    let changed = 0
    for (const path of filesIn(crlf)) {
      const text = readFileSync(path)
      if (text.includes(0)) continue
      writeFileSync(path, text.toString().replaceAll('\n', '\r\n'))
      changed++
    }
    expect(changed).toBeGreaterThan(100)
    const [windows, here] = [await render(crlf, selection), await render(templates, selection)]
    expect([...windows.keys()]).toEqual([...here.keys()])
    for (const [path, { content }] of here) {
      expect(windows.get(path)?.content.toString(), path).toBe(content.toString())
    }
  })
})

describe('a generated project', () => {
  it('keeps LF where git would make CRLF', async () => {
    const place = temporaryDirectory()
    const project = join(place, 'x')
    await writeProject(await render(templates, everything), project)
    git(project, 'init', '--quiet')
    git(project, 'add', '--all')
    git(project, 'commit', '--quiet', '--message', 'x')
    git(place, '-c', 'core.autocrlf=true', 'clone', '--quiet', '-c', 'core.autocrlf=true', 'x', 'y')
    const files = filesIn(join(place, 'y')).filter((path) => !path.includes('/.git/'))
    expect(files.some((path) => readFileSync(path, 'utf8').startsWith('#!/'))).toBe(true)
    expect(files.filter((path) => readFileSync(path).includes('\r'))).toEqual([])
  })
})

describe('on Windows', () => {
  it.each([
    ['C:\\work', 'C:\\work\\my-server', 'cd my-server'],
    ['C:\\work', 'C:\\work\\a\\my-server', 'cd a\\my-server'],
    ['C:\\work', 'C:\\work', ''],
    ['C:\\work\\a', 'C:\\work\\b', 'cd ..\\b'],
    ['C:\\work\\a\\b', 'C:\\x', 'cd C:\\x'],
    ['C:\\work', 'C:\\work\\My Server', 'cd "My Server"'],
    ['C:\\work', 'C:\\work\\a&b', 'cd "a&b"'],
    ['C:\\work', 'C:\\work\\-x', 'cd .\\-x'],
    ['C:\\work', 'D:\\my-server', 'pushd D:\\my-server'],
    ['C:\\work', '\\\\host\\share\\my server', 'pushd "\\\\host\\share\\my server"'],
  ])('from %s to %s is %s, in cmd and in PowerShell', (from, to, command) => {
    expect(changeTo(from, to, win32)).toBe(command)
  })

  it('what is to be repeated is one line', () => {
    const line = commandTo('C:\\work', 'C:\\work\\My Server', 'npm install', win32)
    expect(line).toBe('cd "My Server" && npm install')
  })

  it('a path has backslashes and a drive, and elsewhere neither', () => {
    expect(directoryMistake('C:\\work\\my-server', '\\')).toBeUndefined()
    expect(directoryMistake('work\\my-server', '\\')).toBeUndefined()
    expect(directoryMistake('C:\\work\\my-server', '/')).toContain('a path of Windows')
    expect(directoryMistake('work/my-server', '/')).toBeUndefined()
  })
})

function filesIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => join(root, path))
    .filter((path) => statSync(path).isFile())
}
