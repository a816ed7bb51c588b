import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, it } from 'vitest'
import { credentials } from './credentials.js'
import { testDatabase } from './postgres-server.js'
import { testRedis } from './redis-server.js'

const database = await testDatabase()
const redis = await testRedis()
const missing: boolean[] = [
  // What it does not start without, and is not here.
  !database,
  !redis,
]

/** A test that needs a server which starts. */
export const complete = it.skipIf(missing.includes(true))

export const access = await credentials()
const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})
afterAll(async () => {
  access.close()
  await database?.close()
  await redis?.close()
})

/** Settings with which the server starts, on free ports. */
export const enough = (): NodeJS.ProcessEnv => ({
  ...access.env,
  DATABASE_URL: database?.url,
  REDIS_URL: redis?.url,
  PORT: '0',
  ADMIN_PORT: '0',
})

/** The server as a process of its own, with these settings and no others. */
export function serverProcess(env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  let output = ''
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  const exited = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output }))
  })
  const lines = createInterface(child.stdout)
  lines.on('line', (line) => {
    output += `${line}\n`
  })
  const listening = new Promise<{ url: string; adminUrl: string }>((resolve, reject) => {
    exited.then(() => reject(new Error(`it ended before it listened:\n${output}`)))
    lines.on('line', (line) => {
      const entry = JSON.parse(line)
      if (entry.message === 'listening') resolve(entry)
    })
  })
  // A test of a start that fails does not wait for it.
  listening.catch(() => {})
  return { child, exited, listening, output: () => output }
}
