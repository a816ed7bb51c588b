import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { strangersEnv } from './command.js'

/** What a line of the server's log holds that these tests look at. */
interface LogLine {
  message: string
  url?: string
  adminUrl?: string
  [field: string]: unknown
}

export interface RunningServer {
  process: ChildProcess
  url: URL
  adminUrl: string
  /** The key that the command wrote into .env. */
  key: string
  lines: LogLine[]
  exited: Promise<number | null>
}

/** Starts a generated server as production does: compiled, in one process, told by its log where it listens. */
export async function start(folder: string, env: NodeJS.ProcessEnv = {}): Promise<RunningServer> {
  const key =
    /^MCP_DEV_API_KEY=(.+)$/m.exec(await readFile(join(folder, '.env'), 'utf8'))?.[1] ?? ''
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: folder,
    env: { ...strangersEnv(), PORT: '0', ADMIN_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines: LogLine[] = []
  const listening = new Promise<LogLine>((resolve, reject) => {
    createInterface(child.stdout).on('line', (text) => {
      const line = JSON.parse(text) as LogLine
      lines.push(line)
      if (line.message === 'listening') resolve(line)
    })
    child.once('close', (code) =>
      reject(new Error(`the server ended with ${code} before it listened`)),
    )
  })
  const { url = '', adminUrl = '' } = await listening
  return { process: child, url: new URL(url), adminUrl, key, lines, exited }
}
