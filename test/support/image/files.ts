import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../command.js'

export interface ImageFiles {
  /** Paths of files, without a leading slash, and their bytes. */
  sizes: Map<string, number>
  /** Whether some file of the image holds the text. */
  holds: (text: string) => Promise<boolean>
  read: (path: string) => Promise<string>
  remove: () => Promise<void>
}

/** What a container of the image sees, as a tar file of all its layers together. */
export async function filesOf(tag: string): Promise<ImageFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-prod-image-'))
  const tar = join(folder, 'image.tar')
  const container = (await must('podman', ['create', tag, '/unused'], folder)).trim()
  await must('podman', ['export', '--output', tar, container], folder)
  await must('podman', ['rm', container], folder)
  const listed = await must('tar', ['--list', '--verbose', '--file', tar], folder)
  const sizes = new Map<string, number>()
  for (const line of listed.split('\n')) {
    const [mode = '', , bytes, , , ...path] = line.split(/ +/)
    if (mode.startsWith('-')) sizes.set(path.join(' '), Number(bytes))
  }
  return {
    sizes,
    holds: (text) => streamHolds(tar, Buffer.from(text)),
    read: (path) => must('tar', ['--extract', '--to-stdout', '--file', tar, path], folder),
    remove: () => rm(folder, { recursive: true }),
  }
}

async function streamHolds(file: string, wanted: Buffer): Promise<boolean> {
  let kept: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    const bytes = Buffer.concat([kept, chunk as Buffer])
    if (bytes.includes(wanted)) return true
    kept = bytes.subarray(-wanted.length)
  }
  return false
}

const contextTag = 'localhost/mcp-prod-test/context'

/** What the builder is handed of a folder, through its .dockerignore: an image of it and nothing else. */
export async function contextOf(folder: string): Promise<string[]> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-prod-context-'))
  const file = join(home, 'Dockerfile')
  await writeFile(file, 'FROM scratch\nCOPY . /\n')
  await must('buildah', ['build', '--quiet', `--tag=${contextTag}`, `--file=${file}`, '.'], folder)
  await rm(home, { recursive: true })
  const files = await filesOf(contextTag)
  await files.remove()
  await must('podman', ['rmi', contextTag], folder)
  return [...files.sizes.keys()]
}
