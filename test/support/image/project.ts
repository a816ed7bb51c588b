import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must, root } from '../command.js'

const hoard = `import { defineTool } from '@mcp-prod/tools'
import { z } from 'zod'

/** Takes memory and gives none back. */
export const hoard = defineTool({
  name: 'hoard',
  description: 'Takes memory until there is no more.',
  input: z.object({}),
  output: z.object({ kept: z.number() }),
  scopes: ['stats:read'],
  timeoutMs: 60_000,
  async run() {
    const kept: number[][] = []
    for (;;) {
      kept.push(new Array(100_000).fill(Math.random()))
      await new Promise(setImmediate)
    }
  },
})
`

/** Each is a secret where the builder might pick it up, with a text that must be nowhere in the image. */
export const planted = {
  '.env.production': 'SECRET=canary-dotenv\n',
  '.git/config': 'url = https://canary-git@example.com/\n',
  '.npmrc': '//npm.example.com/:_authToken=canary-npmrc\n',
  id_rsa: 'canary-id-rsa\n',
  'deploy/tls.key': 'canary-tls-key\n',
  'node_modules/planted/index.js': 'canary-node-modules\n',
  'src/.env': 'SECRET=canary-source-dotenv\n',
  'src/id_ed25519': 'canary-source-id\n',
  'src/keys.json': '["canary-source-keys"]\n',
  'src/tls.pem': 'canary-source-pem\n',
}

export interface ImageProject {
  folder: string
  key: string
  remove: () => Promise<void>
}

/** A server as the command writes it from this clone, with a lockfile, a tool that takes all memory, and secrets that lie about. */
export async function imageProject(flags: readonly string[] = []): Promise<ImageProject> {
  const parent = await mkdtemp(join(tmpdir(), 'mcp-prod-image-'))
  const folder = join(parent, 'my-server')
  const bin = join(root, 'generators/bin/create-mcp-prod.js')
  await must(process.execPath, [bin, folder, '--yes', '--no-git', '--no-install', ...flags], parent)
  await must('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'], folder)
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(planted)) await write(path, text)
  await write('src/tools/hoard.ts', hoard)
  const list = await readFile(join(folder, 'src/tools/index.ts'), 'utf8')
  const first = "import { countdown } from './countdown.js'\n"
  if (!list.includes(first) || !list.includes('  countdown,\n')) throw new Error('no such list')
  await write(
    'src/tools/index.ts',
    list
      .replace(first, `${first}import { hoard } from './hoard.js'\n`)
      .replace('  countdown,\n', '  countdown,\n  hoard,\n'),
  )
  const env = await readFile(join(folder, '.env'), 'utf8')
  const [, key = ''] = /^MCP_DEV_API_KEY=(.+)$/m.exec(env) ?? []
  // A file of its own, which a container's user may read.
  await appendFile(join(folder, '.env'), 'SECRET=canary-env\n')
  return { folder, key, remove: () => rm(parent, { recursive: true, force: true }) }
}
