import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { must } from '../command.js'
import { type LogLine, track } from './server.js'

/** A process that reads a server's log from a pipe, as a log shipper does, and can hang. */
export interface LogReader {
  process: ChildProcess
  /** The end that the server writes to. */
  pipe: FileHandle
  lines: LogLine[]
  hang(): void
  goOn(): void
}

export async function logReader(folder: string): Promise<LogReader> {
  const path = join(folder, 'log-pipe')
  await rm(path, { force: true })
  await must('mkfifo', [path], folder)
  const child = track(spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] }))
  await once(child, 'spawn')
  const lines: LogLine[] = []
  if (child.stdout) createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line)))
  return {
    process: child,
    pipe: await open(path, 'w'),
    lines,
    hang: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
  }
}
