import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, root } from './command.js'

/** The command and the kit as the registry would serve them, installed in a folder of their own. */
export async function installPacked() {
  const home = await mkdtemp(join(tmpdir(), 'mcp-prod-packed-'))
  const kit = join(home, 'kit')
  await mkdir(kit)
  const names = (await readdir(join(root, 'packages'))).map((name) => `@mcp-prod/${name}`)
  const workspaces = names.flatMap((name) => ['-w', name])
  await must('npm', ['pack', '--silent', ...workspaces, '--pack-destination', kit], root)
  await must('npm', ['pack', '--silent', '-w', 'create-mcp-prod', '--pack-destination', home], root)
  const tarball = (await readdir(home)).find((file) => file.endsWith('.tgz'))
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  await must('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`], home)
  return {
    kit,
    command: join(home, 'node_modules', '.bin', 'create-mcp-prod'),
    remove: () => rm(home, { recursive: true, force: true }),
  }
}
