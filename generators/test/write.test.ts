import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Files } from '../src/render.js'
import { writeProject } from '../src/write.js'
import { temporaryDirectory } from './support/fixture.js'

const file = (text: string, mode = 0o644) => ({ content: Buffer.from(text), mode })
const files: Files = new Map([
  ['.env', file('secret', 0o600)],
  ['bin/run', file('run', 0o755)],
  ['src/deep/a.ts', file('a')],
])

/** A project that does something when its second file is about to be written. */
function filesThatMeanwhile(act: () => void): Files {
  const eventful = new Map(files)
  eventful[Symbol.iterator] = function* () {
    for (const [index, entry] of [...files].entries()) {
      if (index === 1) act()
      yield entry
    }
    return undefined
  }
  return eventful
}

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('writing a project', () => {
  it('puts every file in place with its mode, and nothing beside it', async () => {
    const parent = temporaryDirectory()
    await writeProject(files, join(parent, 'project'))
    expect(readdirSync(parent)).toEqual(['project'])
    expect(readdirSync(join(parent, 'project')).sort()).toEqual(['.env', 'bin', 'src'])
    expect(readFileSync(join(parent, 'project/src/deep/a.ts'), 'utf8')).toBe('a')
    expect(mode(join(parent, 'project/.env'))).toBe('600')
    expect(mode(join(parent, 'project/bin/run'))).toBe('755')
    mkdirSync(join(parent, 'usual'))
    expect(mode(join(parent, 'project'))).toBe(mode(join(parent, 'usual')))
  })

  it('is not seen in part under its name', async () => {
    const parent = temporaryDirectory()
    const target = join(parent, 'project')
    let seen: boolean | undefined
    await writeProject(
      filesThatMeanwhile(() => {
        seen = existsSync(target)
      }),
      target,
    )
    expect(seen).toBe(false)
    expect(existsSync(target)).toBe(true)
  })

  it('leaves an existing empty directory the same one', async () => {
    const target = temporaryDirectory()
    const before = statSync(target)
    await writeProject(files, target)
    expect(statSync(target).ino).toBe(before.ino)
    expect(statSync(target).mode).toBe(before.mode)
    expect(readdirSync(target).sort()).toEqual(['.env', 'bin', 'src'])
  })

  it('takes a clone of an empty repository for empty, and leaves its .git', async () => {
    const target = temporaryDirectory()
    mkdirSync(join(target, '.git'))
    writeFileSync(join(target, '.git/HEAD'), 'ref: refs/heads/main\n')
    const undo = await writeProject(files, target)
    expect(readdirSync(target).sort()).toEqual(['.env', '.git', 'bin', 'src'])
    await undo()
    expect(readdirSync(target)).toEqual(['.git'])
    expect(readdirSync(join(target, '.git'))).toEqual(['HEAD'])
  })

  it('takes back what the run made there, and nothing that somebody wrote meanwhile', async () => {
    const target = temporaryDirectory()
    const undo = await writeProject(files, target)
    for (const made of ['node_modules/x', 'dist', '.git'])
      mkdirSync(join(target, made), { recursive: true })
    writeFileSync(join(target, 'package-lock.json'), '{}')
    writeFileSync(join(target, 'NOTES.md'), 'mine')
    await undo()
    expect(readdirSync(target)).toEqual(['NOTES.md'])
  })

  it('follows a link to an empty directory and keeps the link', async () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'real'))
    symlinkSync('real', join(root, 'link'))
    await writeProject(files, join(root, 'link'))
    expect(readdirSync(join(root, 'real')).sort()).toEqual(['.env', 'bin', 'src'])
    expect(realpathSync(join(root, 'link'))).toBe(join(root, 'real'))
  })

  it('makes missing parents, and takes back only those', async () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'there'))
    const undo = await writeProject(files, join(root, 'there/a/b/project'))
    expect(existsSync(join(root, 'there/a/b/project/.env'))).toBe(true)
    await undo()
    expect(readdirSync(root)).toEqual(['there'])
    expect(readdirSync(join(root, 'there'))).toEqual([])
  })

  it('takes back what was added to the project since, but no parent that others use by then', async () => {
    const root = temporaryDirectory()
    const undo = await writeProject(files, join(root, 'a/project'))
    writeFileSync(join(root, 'a/project/installed'), '')
    writeFileSync(join(root, 'a/of the user'), '')
    await undo()
    expect(readdirSync(join(root, 'a'))).toEqual(['of the user'])
  })

  it('empties an existing directory again and keeps it', async () => {
    const target = temporaryDirectory()
    await (await writeProject(files, target))()
    expect(readdirSync(target)).toEqual([])
  })
})

describe('a project that cannot be written', () => {
  it.each([
    ['new', 'project'],
    ['under missing parents', 'a/b/project'],
    ['empty', ''],
  ])('leaves nothing when it is interrupted: %s', async (_, path) => {
    const root = temporaryDirectory()
    const stop = new AbortController()
    const reason = new Error('stop')
    const writing = writeProject(
      filesThatMeanwhile(() => stop.abort(reason)),
      join(root, path),
      stop.signal,
    )
    await expect(writing).rejects.toBe(reason)
    expect(readdirSync(root)).toEqual([])
  })

  it('leaves nothing when a write fails', async () => {
    const root = temporaryDirectory()
    const impossible = new Map([...files, [`${'x'.repeat(300)}`, file('')]])
    await expect(writeProject(impossible, join(root, 'a/project'))).rejects.toThrow('ENAMETOOLONG')
    expect(readdirSync(root)).toEqual([])
  })

  it('leaves no parent when one of them cannot be made', async () => {
    const root = temporaryDirectory()
    await expect(
      writeProject(files, join(root, `a/b/${'x'.repeat(300)}/project`)),
    ).rejects.toThrow()
    expect(readdirSync(root)).toEqual([])
  })

  it('does not replace what came into being meanwhile', async () => {
    const root = temporaryDirectory()
    const target = join(root, 'project')
    const writing = writeProject(
      filesThatMeanwhile(() => {
        mkdirSync(target)
        writeFileSync(join(target, 'of the user'), '')
      }),
      target,
    )
    await expect(writing).rejects.toThrow(/ENOTEMPTY|EEXIST/)
    expect(readdirSync(root)).toEqual(['project'])
    expect(readdirSync(target)).toEqual(['of the user'])
  })

  it('does not write through a link that came into being meanwhile', async () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'elsewhere'))
    const target = join(root, 'project')
    const writing = writeProject(
      filesThatMeanwhile(() => symlinkSync('elsewhere', target)),
      target,
    )
    await expect(writing).rejects.toThrow('ENOTDIR')
    expect(readdirSync(join(root, 'elsewhere'))).toEqual([])
  })
})
