import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { blobId, patchOf } from '../src/upgrade/patch.js'
import { environment, git, temporaryDirectory } from './support/fixture.js'

type Content = Buffer | string | undefined

/** Applies the patch from one content to the other in a real repository, where the first is committed. */
function applied(before: Content, after: Content, path = 'a.txt', flags = ['--3way']): Content {
  const repository = temporaryDirectory()
  git(repository, 'init', '--quiet')
  git(repository, 'config', 'core.autocrlf', 'false')
  const file = join(repository, path)
  mkdirSync(dirname(file), { recursive: true })
  if (before !== undefined) {
    writeFileSync(file, before)
    git(repository, 'add', '--all')
    git(repository, 'commit', '--quiet', '--message', 'base')
  }
  const side = (content: Content) =>
    content === undefined ? undefined : { content: Buffer.from(content), mode: 0o644 }
  const patch = patchOf({ path, base: side(before), next: side(after) })
  if (before !== undefined) expect(patch).toContain(git(repository, 'hash-object', file))
  execFileSync('git', ['apply', ...flags], { cwd: repository, env: environment(), input: patch })
  if (after === undefined) {
    expect(() => statSync(file)).toThrow('ENOENT')
    return undefined
  }
  return readFileSync(file)
}

const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `line ${from + index}\n`).join('')

/** The same bytes in each run. */
function bytes(length: number, seed: number): Buffer {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  }
  return Buffer.from(Array.from({ length }, next))
}

describe('git takes a patch', { timeout: 60_000 }, () => {
  it.each<[string, Content, Content]>([
    ['of a line', 'a\nb\nc\n', 'a\nB\nc\n'],
    ['of both ends of a long file', lines(100), `new\n${lines(99)}changed\n`],
    ['without a newline at the end, before', 'a\nb', 'a\nb\n'],
    ['without a newline at the end, after', 'a\nb\n', 'a\nb'],
    ['without a newline at the end, both', 'a\nb', 'c\nb'],
    ['of a file that was empty', '', 'a\n'],
    ['that empties a file', 'a\n', ''],
    ['of a new file', undefined, 'a\nb\n'],
    ['of a new file without a newline', undefined, 'a'],
    ['of a new empty file', undefined, ''],
    ['that removes a file', 'a\nb\n', undefined],
    ['that removes an empty file', '', undefined],
    ['of CRLF lines', 'a\r\nb\r\n', 'a\r\nc\r\n'],
    ['of line ends alone', 'a\nb\n', 'a\r\nb\r\n'],
    ['of other languages', 'ä\u2028ö\n日本\n', 'ä\u2028ü\n日本語\n'],
    ['with a byte order mark', '\ufeffa\n', '\ufeffb\n'],
    [
      'of lines that look like a patch',
      '--- a\n+++ b\n@@ -1 +1 @@\n',
      '--- b\n+++ c\n@@ -2 +2 @@\n-- \n',
    ],
    ['of control characters', 'a\x1b[2Jb\n', 'a\x1b[2Jc\fd\n'],
    ['of bytes', bytes(1, 1), bytes(52, 2)],
    ['of more bytes', bytes(53, 3), bytes(10_001, 4)],
    ['from text to bytes', 'a\n', bytes(100, 5)],
    ['from bytes to text', Buffer.from([0xff, 0xfe]), 'a\n'],
    ['from bytes to nothing', bytes(5, 6), ''],
    ['of new bytes', undefined, Buffer.from([0, 1, 2])],
    ['that removes bytes', Buffer.from([0, 1, 2]), undefined],
  ])('%s', (_, before, after) => {
    const got = applied(before, after)
    expect(got).toEqual(after === undefined ? undefined : Buffer.from(after))
  })

  it.each([
    'with space.txt',
    'ü/日本.txt',
    'quote".txt',
    'back\\slash',
    'tab\there',
    'new\nline',
    '-dash',
    'b/a/b',
  ])('of the path %j', (path) => {
    expect(applied('a\n', 'b\n', path)).toEqual(Buffer.from('b\n'))
    expect(applied(undefined, 'b\n', path)).toEqual(Buffer.from('b\n'))
    expect(applied('a\n', undefined, path)).toBe(undefined)
  })

  it('of very different long texts, in bounded work', () => {
    const after = lines(4000, 70_000)
    expect(applied(`${lines(4000)}end`, after)).toEqual(Buffer.from(after))
  })

  it('of a mode, with and without another content', () => {
    const repository = temporaryDirectory()
    git(repository, 'init', '--quiet')
    for (const path of ['a.sh', 'b.sh']) writeFileSync(join(repository, path), 'a\n')
    chmodSync(join(repository, 'b.sh'), 0o755)
    git(repository, 'add', '--all')
    git(repository, 'commit', '--quiet', '--message', 'base')
    const [a, b] = [Buffer.from('a\n'), Buffer.from('b\n')]
    const patch =
      patchOf({
        path: 'a.sh',
        base: { content: a, mode: 0o644 },
        next: { content: a, mode: 0o755 },
      }) +
      patchOf({
        path: 'b.sh',
        base: { content: a, mode: 0o755 },
        next: { content: b, mode: 0o644 },
      })
    execFileSync('git', ['apply', '--3way'], { cwd: repository, env: environment(), input: patch })
    expect(git(repository, 'ls-files', '--stage').replace(/ [0-9a-f]+ 0\t/g, ' ')).toBe(
      '100755 a.sh\n100644 b.sh',
    )
    expect(readFileSync(join(repository, 'b.sh'), 'utf8')).toBe('b\n')
    rmSync(repository, { recursive: true })
  })
})

it('names contents as git does', () => {
  expect(blobId({ content: Buffer.alloc(0), mode: 0 })).toBe(
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391',
  )
  expect(blobId()).toBe('0'.repeat(40))
})
