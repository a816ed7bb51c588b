import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { connect } from './support/clients.js'
import { credentials, required } from './support/credentials.js'
import { testDatabase } from './support/postgres-server.js'
import { testRedis } from './support/redis-server.js'

const database = await testDatabase()
const redis = await testRedis()
const missing: boolean[] = [
  // What it does not start without, and is not here.
  !database,
  !redis,
]
const complete = it.skipIf(missing.includes(true))

let access: Awaited<ReturnType<typeof credentials>>
beforeAll(async () => {
  access = await credentials()
})
afterAll(async () => {
  access.close()
  await database?.close()
  await redis?.close()
})
const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

function run(env: NodeJS.ProcessEnv) {
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
  const listening = new Promise<{ url: string; adminUrl: string }>((resolve) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line)
      if (entry.message === 'listening') resolve(entry)
    })
  })
  return { child, exited, listening }
}

complete('answers the call in flight after SIGTERM, turns unready and exits with 0', async () => {
  const { child, exited, listening } = run({
    ...access.env,
    DATABASE_URL: database?.url,
    REDIS_URL: redis?.url,
    PORT: '0',
    ADMIN_PORT: '0',
    SHUTDOWN_GRACE: '500ms',
  })
  const { url, adminUrl } = await listening
  expect((await fetch(`${adminUrl}/ready`)).status).toBe(200)
  expect((await fetch(`${adminUrl}/health`)).status).toBe(200)
  expect(await (await fetch(`${adminUrl}/metrics`)).text()).toContain('mcp_requests_total')

  const client = await connect(new URL(url), access.bareToken)
  let reported = () => {}
  const working = new Promise<void>((resolve) => {
    reported = resolve
  })
  const call = client.callTool(
    { name: 'countdown', arguments: { seconds: 3 } },
    { onprogress: () => reported() },
  )
  await working
  child.kill('SIGTERM')
  await expect.poll(async () => (await fetch(`${adminUrl}/ready`)).status).toBe(503)
  expect((await call).structuredContent).toEqual({ waitedSeconds: 3 })
  expect(await exited).toMatchObject({ code: 0 })
})

it('refuses to start with a bad configuration, naming every fault', async () => {
  const { exited } = run({ PORT: 'eighty', SHUTDOWN_GRACE: '5' })
  const { code, output } = await exited
  expect(code).toBe(1)
  const names = ['PORT', 'SHUTDOWN_GRACE', ...Object.keys(required)]
  for (const name of names) expect(output).toContain(name)
})
