import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  environment,
  fixtureTemplates,
  git,
  runCli,
  temporaryDirectory,
  writeTree,
} from './support/fixture.js'
import {
  commitAll,
  diff,
  homeOf,
  nextTemplates,
  oldTemplates,
  projectOf,
  twoVersions,
} from './support/upgrade.js'

let both: { old: string; next: string }
beforeAll(() => {
  both = twoVersions()
})

/** Takes the patch as the summary says. @returns what git says when it does not take it whole. */
async function apply(project: string, ...flags: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await diff(both, project)
  expect(stderr).toContain('create-mcp-prod: from 0.1.0 to 0.2.0: ')
  expect(exitCode).toBe(0)
  const patch = join(temporaryDirectory(), 'upgrade.patch')
  writeFileSync(patch, stdout)
  try {
    return git(project, 'apply', ...flags, patch)
  } catch (error) {
    return String((error as { stderr: string }).stderr)
  }
}

const read = (project: string, path: string) => readFileSync(join(project, path), 'utf8')
const edit = (project: string, path: string, change: (text: string) => string) =>
  writeFileSync(join(project, path), change(read(project, path)))

/** What the new version writes into a directory of its own, by git's ids. */
async function treeOfNext(...flags: string[]): Promise<string> {
  const fresh = await projectOf(both.next, ...flags)
  return git(fresh, 'rev-parse', 'HEAD^{tree}')
}

describe('the patch of an untouched project', { timeout: 60_000 }, () => {
  it.each([[['--3way']], [['--index']], [['--index', '--reject']]])(
    'makes with git apply %s what the new version writes',
    async (flags) => {
      const project = await projectOf(both.old)
      expect(await apply(project, ...flags)).not.toContain('error')
      git(project, 'add', '--all')
      expect(git(project, 'write-tree')).toBe(await treeOfNext())
      expect(statSync(join(project, 'run.sh')).mode & 0o111).not.toBe(0)
      expect(JSON.parse(read(project, '.create-mcp-prod.json')).version).toBe('0.2.0')
      commitAll(project)
      const again = await runCli(both.next, ['--diff'], project)
      expect(again.stdout).toBe('')
      expect(again.stderr).toBe('create-mcp-prod: up to date: the project is of 0.2.0\n')
    },
  )

  it('has the options of the project', async () => {
    const flags = ['--auth', 'jwt', '--no-stdio', '--ci', 'none', '--postgres', '--name', '@a/b']
    const project = await projectOf(both.old, ...flags)
    await apply(project, '--3way')
    git(project, 'add', '--all')
    expect(git(project, 'write-tree')).toBe(await treeOfNext(...flags))
  })

  it('says what changes, and how to apply it', async () => {
    const project = await projectOf(both.old)
    const { stderr, stdout } = await diff(both, project)
    expect(stderr).toBe(
      "create-mcp-prod: new in the template's .env: NEW_SETTING\n" +
        'create-mcp-prod: from 0.1.0 to 0.2.0: 7 files change, 2 new, 1 gone\n' +
        'create-mcp-prod: to apply it, commit what you have and save it as upgrade.patch, then: git apply --3way upgrade.patch\n',
    )
    expect(stdout).not.toContain('\x1b')
    expect(stdout.match(/^diff --git .*$/gm)).toHaveLength(10)
    expect(git(project, 'status', '--porcelain')).toBe('')
  })

  it('is told by itself in any case: nothing changes, yet the version', async () => {
    const same = twoVersions(oldTemplates, { ...oldTemplates }, ['0.1.0', '0.1.1'])
    const project = await projectOf(same.old)
    const { stdout } = await diff(same, project)
    const named = stdout.match(/^diff --git .*$/gm)
    // run.sh has another mode in the second.
    expect(named).toEqual([
      'diff --git a/.create-mcp-prod.json b/.create-mcp-prod.json',
      'diff --git a/package.json b/package.json',
      'diff --git a/run.sh b/run.sh',
    ])
    expect(stdout).toContain('-    "@mcp-prod/auth": "^0.1.0"\n+    "@mcp-prod/auth": "^0.1.1"\n')
    expect(stdout).toContain('old mode 100644\nnew mode 100755\n')
  })
})

describe('the patch of a changed project', { timeout: 60_000 }, () => {
  it('is merged where both changed a file, and leaves what cannot be merged to the user', async () => {
    const project = await projectOf(both.old)
    edit(project, 'guide.md', (text) => text.replace('line 15\n', 'line 15 is mine\n'))
    edit(project, 'end.txt', () => 'mine\n')
    edit(project, 'app.ts', (text) => `mine()\n${text}`)
    commitAll(project)
    const { stderr } = await diff(both, project)
    expect(stderr).toContain('; you have changed 2 of them: end.txt, guide.md\n')
    const said = await apply(project, '--3way')
    expect(said).toContain("Applied patch to 'end.txt' with conflicts.")
    expect(read(project, 'guide.md')).toContain('line 15 is mine\n')
    expect(read(project, 'guide.md')).toContain('line 28 is new\n')
    expect(read(project, 'end.txt')).toContain('<<<<<<< ours\nmine\n')
    expect(read(project, 'end.txt')).toContain('no newline here')
    expect(read(project, 'app.ts')).toMatch(/^mine\(\)/)
    expect(read(project, 'deep/young.ts')).toBe('young()\n')
    expect(git(project, 'diff', '--name-only', '--diff-filter=U')).toBe('end.txt')
  })

  it('leaves out, as comments, what git could not apply, and says so', async () => {
    const project = await projectOf(both.old)
    renameSync(join(project, 'guide.md'), join(project, 'manual.md'))
    edit(project, 'gone.md', () => 'still mine\n')
    writeTree(project, { 'deep/young.ts': 'another()\n' })
    commitAll(project)
    const { stdout, stderr } = await diff(both, project)
    expect(stderr).toContain('left out: guide.md: the project no longer has it here\n')
    expect(stderr).toContain(
      'left out: gone.md: the template has it no longer, but it was changed\n',
    )
    expect(stderr).toContain('left out: deep/young.ts: the project has another file of this name\n')
    expect(stdout).toContain(
      '\n# left out: guide.md: the project no longer has it here\n# diff --git',
    )
    expect(stdout).toContain('\n# +line 28 is new\n')
    expect(await apply(project, '--3way')).not.toContain('error')
    expect(existsSync(join(project, 'guide.md'))).toBe(false)
    expect(read(project, 'gone.md')).toBe('still mine\n')
    expect(read(project, 'deep/young.ts')).toBe('another()\n')
    expect(read(project, 'end.txt')).toBe('no newline here\neither')
  })

  it('leaves out what the project has already', async () => {
    const project = await projectOf(both.old)
    writeTree(project, { 'end.txt': 'no newline here\neither', 'deep/young.ts': 'young()\n' })
    rmSync(join(project, 'gone.md'))
    commitAll(project)
    const { stdout, stderr } = await diff(both, project)
    expect(stdout).not.toMatch(/end\.txt|young\.ts|gone\.md/)
    expect(stderr).toContain('6 files change, 1 new, 0 gone\n')
    expect(await apply(project, '--3way')).not.toContain('error')
  })

  it('applies where git checks out CRLF', async () => {
    const project = await projectOf(both.old)
    git(project, 'config', 'core.autocrlf', 'true')
    edit(project, 'guide.md', (text) => text.replace('line 15\n', 'line 15 is mine\n'))
    commitAll(project)
    rmSync(join(project, 'guide.md'))
    git(project, 'rm', '--quiet', '--cached', '-r', '.')
    git(project, 'reset', '--quiet', '--hard')
    expect(read(project, 'same.md')).toContain('line 1\r\n')
    const { stderr } = await diff(both, project)
    expect(stderr).toContain('; you have changed 1 of them: guide.md\n')
    expect(await apply(project, '--3way')).not.toContain('error')
    expect(read(project, 'guide.md')).toContain('line 15 is mine\r\n')
    expect(read(project, 'guide.md')).toContain('line 28 is new\r\n')
    expect(read(project, 'deep/empty.txt').trim()).toBe('no longer empty')
  })

  it('applies in a directory of a larger repository as the summary says', async () => {
    const repository = temporaryDirectory()
    git(repository, 'init', '--quiet')
    mkdirSync(join(repository, 'my services'))
    const made = await runCli(
      both.old,
      ['x', '--yes', '--no-install'],
      join(repository, 'my services'),
    )
    expect(made.exitCode).toBe(0)
    const project = join(repository, 'my services/x')
    edit(project, 'guide.md', (text) => text.replace('line 15\n', 'line 15 is mine\n'))
    commitAll(repository)
    const { stderr } = await diff(both, project)
    expect(stderr).toContain(`then: git apply --3way --directory='my services/x' upgrade.patch\n`)
    expect(await apply(project, '--3way', '--directory=my services/x')).not.toContain('error')
    expect(read(project, 'guide.md')).toContain('line 28 is new\n')
    expect(read(project, 'deep/young.ts')).toBe('young()\n')
  })

  it('applies without any repository', async () => {
    const project = await projectOf(both.old, '--no-git')
    const { stderr } = await diff(both, project)
    expect(stderr).toContain('then: git apply --reject upgrade.patch\n')
    expect(await apply(project, '--reject')).not.toContain('error')
    expect(read(project, 'guide.md')).toContain('line 28 is new\n')
    expect(existsSync(join(project, 'gone.md'))).toBe(false)
  })
})

describe('the second upgrade', { timeout: 60_000 }, () => {
  it('merges, or leaves *.rej where git does not have the old template any more', async () => {
    const third = twoVersions(
      nextTemplates,
      { ...nextTemplates, 'server/end.txt': 'third\n', 'server/same.md': 'third\n' },
      ['0.2.0', '0.3.0'],
    )
    const project = await projectOf(both.old)
    edit(project, 'end.txt', () => 'mine\n')
    commitAll(project)
    await apply(project, '--3way')
    edit(project, 'end.txt', () => 'mine\n')
    commitAll(project, 'upgraded')
    const merging = await diff(third, project)
    expect(merging.stderr).toContain('then: git apply --3way upgrade.patch\n')

    const clone = join(temporaryDirectory(), 'clone')
    git(project, 'clone', '--quiet', `file://${project}`, clone)
    const { stdout, stderr } = await diff(third, clone)
    expect(stdout).toBe(merging.stdout)
    expect(stderr).toContain('then: git apply --reject upgrade.patch\n')
    expect(stderr).toContain('git does not have the old template of end.txt: what does not fit')
    const patch = join(temporaryDirectory(), 'upgrade.patch')
    writeFileSync(patch, stdout)
    expect(() => git(clone, 'apply', '--3way', patch)).toThrow()
    expect(git(clone, 'status', '--porcelain')).toBe('')
    expect(() => git(clone, 'apply', '--reject', patch)).toThrow()
    expect(read(clone, 'same.md')).toBe('third\n')
    expect(read(clone, 'end.txt')).toBe('mine\n')
    expect(read(clone, 'end.txt.rej')).toContain('+third\n')
  })
})

describe('a project with the kit in vendor/', { timeout: 60_000 }, () => {
  it('keeps its lines for the kit and its tarballs', async () => {
    const kit = writeTree(temporaryDirectory(), {
      'mcp-prod-auth-0.1.0.tgz': 'auth',
      'mcp-prod-rpc-0.1.0.tgz': 'rpc',
    })
    const project = await projectOf(both.old, '--kit', kit)
    const { stdout, stderr } = await diff(both, project)
    expect(stdout).not.toMatch(/tgz|@mcp-prod|package\.json b/)
    expect(stderr).toContain('the kit stays as it is in vendor/: renew its tarballs for 0.2.0\n')
    expect(await apply(project, '--3way')).not.toContain('error')
    expect(read(project, 'package.json')).toContain('file:vendor/mcp-prod-rpc-0.1.0.tgz')
    expect(read(project, 'Dockerfile')).toContain('COPY vendor vendor')
  })
})

describe('nothing secret or foreign is printed', { timeout: 60_000 }, () => {
  it('neither the secrets of the project nor those of the comparison', async () => {
    const templates = {
      'server/_gitignore': 'node_modules/\n.env\nbuilt.txt\n/private/\n',
      '+apikey/keys.json.hbs': '{ "hash": "{{devKeyHash}}" }\n',
    }
    const pair = twoVersions(
      { ...oldTemplates, ...templates },
      { ...nextTemplates, ...templates, 'server/private/x.txt': 'ignored\n' },
    )
    const project = await projectOf(pair.old)
    const { stdout, stderr } = await diff(pair, project)
    for (const line of read(project, '.env').split('\n').filter(Boolean)) {
      expect(stdout + stderr).not.toContain(line.replace(/^\w+=/, ''))
    }
    expect(stdout).not.toMatch(/mcp_dev_|[0-9a-f]{64}|\.env|keys\.json|private/)
    expect(stdout).toContain('diff --git a/guide.md')
  })

  it('does not follow a link out of the project, nor wait for a pipe', async () => {
    const project = await projectOf(both.old)
    const outside = writeTree(temporaryDirectory(), {
      'secret.txt': 'outside',
      'young.ts': 'young()\n',
    })
    rmSync(join(project, 'guide.md'))
    symlinkSync(join(outside, 'secret.txt'), join(project, 'guide.md'))
    rmSync(join(project, 'deep'), { recursive: true })
    symlinkSync(outside, join(project, 'deep'))
    rmSync(join(project, 'end.txt'))
    git(project, 'status') // git passes over the pipe
    const { execFileSync } = await import('node:child_process')
    execFileSync('mkfifo', [join(project, 'end.txt')])
    const { stdout, stderr, exitCode } = await diff(both, project)
    expect(exitCode).toBe(0)
    for (const path of ['guide.md', 'deep/young.ts', 'deep/empty.txt', 'end.txt']) {
      expect(stderr).toContain(`left out: ${path}: it is no plain file in the project\n`)
    }
    expect(stdout).not.toContain('outside')
  })

  it('reads no more of a file than could be the same', async () => {
    const project = await projectOf(both.old)
    const { truncateSync } = await import('node:fs')
    truncateSync(join(project, 'guide.md'), 20 * 1024 ** 3)
    const { stderr, exitCode } = await diff(both, project)
    expect(exitCode).toBe(0)
    expect(stderr).toContain('you have changed 1 of them: guide.md')
  })
})

describe('the old command', { timeout: 60_000 }, () => {
  it('must be of the version of the project', async () => {
    const project = await projectOf(both.old)
    const { stderr, exitCode } = await diff({ ...both, old: both.next }, project)
    expect(exitCode).toBe(1)
    expect(stderr).toContain('holds version "0.2.0", but the project is of "0.1.0": give --from')
    const other = writeTree(temporaryDirectory(), { 'package.json': '{"name":"left-pad"}' })
    const wrong = await runCli(both.next, ['--diff', '--from', other], project)
    expect(wrong.stderr).toContain('is another package than create-mcp-prod: give --from')
    const none = await runCli(both.next, ['--diff', '--from', 'nowhere'], project)
    expect(none.stderr).toContain('/nowhere" is no installed create-mcp-prod (package.json: ')
  })

  it('comes from the registry, and where there is none the error says what to do', async () => {
    const project = await projectOf(both.old)
    const { stdout, stderr, exitCode } = await runCli(both.next, ['--diff'], project)
    expect(exitCode).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(
      'cannot get create-mcp-prod@0.1.0, which wrote the project (npm install',
    )
    expect(stderr).toContain('or give --from <directory> with an installed create-mcp-prod 0.1.0\n')
  })

  it('is told what the project was made with, and judges what this one no longer knows', async () => {
    const project = await projectOf(both.old)
    edit(project, '.create-mcp-prod.json', (text) => text.replace('"ci"', '"mainframe": "z", "ci"'))
    const { stderr, exitCode } = await diff(both, project)
    expect(exitCode).toBe(1)
    expect(stderr).toContain("unknown option '--mainframe=z'")
    expect(stderr).toContain('restore the file as it was committed\n')
  })

  it('may have known an option that is gone', async () => {
    const project = await projectOf(both.old)
    edit(project, '.create-mcp-prod.json', (text) => text.replace('"ci"', '"fax": true, "ci"'))
    const home = homeOf(twoVersions().old)
    const features = join(home, 'dist/features.js')
    const known = "fax: { about: 'fax', default: false },\n    upstream:"
    writeFileSync(features, readFileSync(features, 'utf8').replace('upstream:', known))
    writeTree(home, { 'templates/+fax/fax.ts': 'fax()\n' })
    const { stdout, stderr } = await runCli(both.next, ['--diff', '--from', home], project)
    expect(stderr).toContain('this version has no option fax: true: what it added is gone\n')
    // The project of this test never had it.
    expect(stdout).not.toContain('fax()')
    writeTree(project, { 'fax.ts': 'fax()\n' })
    const full = await runCli(both.next, ['--diff', '--from', home], project)
    expect(full.stdout).toContain('deleted file mode 100644')
    expect(full.stdout).toContain('\n-fax()\n')
  })
})

it('from a clone takes the clone’s own versions', { timeout: 60_000 }, async () => {
  const { fixtureClone } = await import('./support/fixture.js')
  const project = await projectOf(both.old)
  const clone = fixtureClone({ ...fixtureTemplates, ...(nextTemplates as Record<string, string>) })
  const manifest = join(homeOf(clone), 'package.json')
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace(/"version": "[^"]+"/, '"version": "0.3.0"'),
  )
  const env = environment()
  const { stdout, stderr } = await runCli(
    clone,
    ['--diff', project, '--from', homeOf(both.old)],
    temporaryDirectory(),
    env,
  )
  expect(stderr).toContain('from 0.1.0 to 0.3.0: ')
  expect(stderr).toContain(`/x && git apply --3way upgrade.patch\n`)
  expect(stdout).toContain('diff --git a/guide.md b/guide.md')
  expect(stdout).not.toContain('vendor')
})
