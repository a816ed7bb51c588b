import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../command.js'
import { type Block, blocksOf, notRun } from './markdown.js'
import { freePorts } from './ports.js'
import { sh } from './shell.js'
import { apply } from './steps.js'

export interface Shown {
  command: string
  printed: string
  /** What the document says that it prints; undefined where it says nothing. */
  answer: string | undefined
}

export interface Workspace {
  folder: string
  port: number
  adminPort: number
  /** Follows a section of the document: changes the file, runs the commands. */
  follow(heading: string): Promise<Shown[]>
  /** The same without the commands that only show something. */
  prepare(heading: string): Promise<void>
  end(): Promise<void>
}

/** A reader's folder, with the packages installed and with ports that nobody else has. */
export async function openWorkspace(name: string, document: string): Promise<Workspace> {
  const folder = join(root, 'node_modules', '.cache', `mcp-prod-${name}`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const [port = 0, adminPort = 0] = await freePorts(2)
  const onPorts = (text: string) =>
    text.replaceAll('3000', `${port}`).replaceAll('8081', `${adminPort}`)
  const blocks = blocksOf(onPorts(document))
  const file = join(folder, 'server.mjs')

  async function change(by: (source: string) => string) {
    await writeFile(file, by(await readFile(file, 'utf8')))
  }

  const answerTo = (block: Block) => {
    const next = blocks[blocks.indexOf(block) + 1]
    return next?.language === 'text' && next.before === '' ? next.text : undefined
  }

  async function run(block: Block): Promise<Shown> {
    const printed = await sh(block.text, folder)
    // The SDK's file has its port written in it.
    if (block.text.includes('> server.mjs')) await change(onPorts)
    return { command: block.text, printed, answer: answerTo(block) }
  }

  async function follow(heading: string, shows = true) {
    const results: Shown[] = []
    for (const block of blocks.filter((each) => each.heading === heading)) {
      if (notRun(block) !== undefined) continue
      if (block.language === 'js') await change((source) => apply(source, block))
      if (block.language !== 'sh' || (!shows && answerTo(block) !== undefined)) continue
      results.push(await run(block))
    }
    return results
  }

  async function prepare(heading: string) {
    await follow(heading, false)
  }

  async function end() {
    await sh('kill "$(cat server.pid)"', folder)
    await rm(folder, { recursive: true, force: true })
  }
  return { folder, port, adminPort, follow, prepare, end }
}
