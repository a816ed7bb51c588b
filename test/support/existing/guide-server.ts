import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../command.js'
import { writeServer } from '../project.js'
import { blocksOf, notRun } from './markdown.js'
import { freePorts } from './ports.js'
import { sh } from './shell.js'

export interface GuideServer {
  folder: string
  /** The text with ports that nobody else has. */
  onPorts(text: string): string
  /** What a block prints in a reader's second shell. */
  run(block: string): Promise<string>
  end(): Promise<void>
}

/** The ports that the guides use: of the server, of a second one, and of an upstream. */
const guidePorts = ['8080', '8081', '8443', '8444', '9100']

/** The server that `docs/README.md` has its readers make, running. */
export async function startGuideServer(): Promise<GuideServer> {
  const { folder } = await writeServer('my-server', { tracing: true })
  const ports = new Map(zip(guidePorts, await freePorts(guidePorts.length)))
  const onPorts = (text: string) =>
    text.replaceAll(
      new RegExp(`\\b(${guidePorts.join('|')})\\b`, 'g'),
      (port) => `${ports.get(port)}`,
    )

  const readme = await readFile(join(root, 'docs/README.md'), 'utf8')
  const helpers = blocksOf(readme).filter((each) => each.language === 'sh' && !notRun(each))
  const preamble = onPorts(helpers.map(({ text }) => text).join('\n'))
  const started = await sh(
    `echo "ADMIN_TOKEN=$(openssl rand -hex 32)" >> .env
    PORT=${ports.get('8080')} ADMIN_PORT=${ports.get('8081')} node dist/main.js > server.log 2>&1 &
    echo $! > server.pid
    until grep -qs '"listening"' server.log; do kill -0 $! || exit 1; sleep 0.2; done`,
    folder,
  )
  if (started !== '') throw new Error(`the server did not start: ${started}`)
  return {
    folder,
    onPorts,
    run: (block) => sh(`${preamble}\n${onPorts(block)}`, folder),
    async end() {
      await sh('kill "$(cat server.pid)"', folder)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function zip(names: readonly string[], ports: readonly number[]): [string, number][] {
  return names.map((name, index) => [name, ports[index] ?? 0])
}
