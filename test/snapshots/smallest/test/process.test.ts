import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { generateApiKey } from '@mcp-prod/auth'
import { afterEach, expect, it } from 'vitest'
import { connect } from './support/clients.js'

const key = generateApiKey('test')
const keys = JSON.stringify([{ id: key.id, hash: key.hash, principal: 'test', scopes: [] }])
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

it('answers the call in flight after SIGTERM, turns unready and exits with 0', async () => {
  const { child, exited, listening } = run({
    API_KEYS: keys,
    PORT: '0',
    ADMIN_PORT: '0',
    SHUTDOWN_GRACE: '500ms',
  })
  const { url, adminUrl } = await listening
  expect((await fetch(`${adminUrl}/ready`)).status).toBe(200)
  expect((await fetch(`${adminUrl}/health`)).status).toBe(200)
  expect(await (await fetch(`${adminUrl}/metrics`)).text()).toContain('mcp_requests_total')

  const client = await connect(new URL(url), key.key)
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

it('refuses to start with a bad configuration, naming every fault and no secret', async () => {
  const { exited } = run({ API_KEYS: '', PORT: 'eighty', SHUTDOWN_GRACE: '5' })
  const { code, output } = await exited
  expect(code).toBe(1)
  for (const name of ['API_KEYS', 'PORT', 'SHUTDOWN_GRACE']) expect(output).toContain(name)
})

it('refuses API keys that are no list of hashes, without printing them', async () => {
  const { exited } = run({ API_KEYS: '[{"id":"a","hash":"hunter2","principal":"a","scopes":[]}]' })
  const { code, output } = await exited
  expect(code).not.toBe(0)
  expect(output).toContain('hash')
  expect(output).not.toContain('hunter2')
})
