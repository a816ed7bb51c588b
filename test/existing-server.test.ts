import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './support/command.js'
import { blocksOf } from './support/existing/markdown.js'
import { connect, type StartedServer, startServer } from './support/existing/sdk-client.js'
import { sh, shown } from './support/existing/shell.js'
import { needsOf } from './support/existing/steps.js'
import { openWorkspace, type Workspace } from './support/existing/workspace.js'
import { missing } from './support/faults/components.js'

const guide = await readFile(join(root, 'docs/add-to-an-existing-server.md'), 'utf8')
const [start = '', ...steps] = [...new Set(blocksOf(guide).map(({ heading }) => heading))]
const opened: Workspace[] = []

async function open(name: string) {
  const workspace = await openWorkspace(name, guide)
  opened.push(workspace)
  return workspace
}

/** Follows a section; each of its commands must print what the document shows. */
async function follows(workspace: Workspace, heading: string) {
  const all = await workspace.follow(heading)
  for (const { printed, answer, command } of all)
    if (answer !== undefined) expect(printed, command).toMatch(shown(onPorts(workspace, answer)))
  expect(all.filter(({ answer }) => answer !== undefined).length).toBeGreaterThan(0)
}

function onPorts({ port, adminPort }: Workspace, text: string) {
  return text.replaceAll('3000', `${port}`).replaceAll('8081', `${adminPort}`)
}

const callOf = (name: string) => ({ name, arguments: {} })

afterAll(() => Promise.all(opened.map((workspace) => workspace.end())))

const lacking = missing('curl', ['curl', '--version'])
const describeWithCurl = describe.skipIf(lacking !== undefined)

it('has steps, commands and what they print, and no other blocks', () => {
  const blocks = blocksOf(guide)
  for (const [index, { language, line, before }] of blocks.entries()) {
    expect(['js', 'sh', 'text'], `line ${line}`).toContain(language)
    if (language !== 'text') continue
    expect([before, blocks[index - 1]?.language], `line ${line}`).toEqual(['', 'sh'])
  }
  expect(guide.match(/```/g)).toHaveLength(2 * blocks.length)
})

describeWithCurl(
  "the SDK's example server, with the steps of the document one after the other",
  () => {
    let workspace: Workspace
    beforeAll(async () => {
      workspace = await open('existing')
    })

    it.each([start, ...steps])('%s', async (heading) => {
      await follows(workspace, heading)
    })
  },
)

describeWithCurl('each step on those alone that it builds on', () => {
  const lone = steps
    .map((heading, index) => {
      const section = guide.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
      return { heading, step: index + 1, needs: needsOf(section) }
    })
    .filter(({ step, needs }) => needs.length < step - 1)

  it.each(lone)('$heading', async ({ heading, step, needs }) => {
    const workspace = await open(`existing-${step}`)
    await workspace.prepare(start)
    for (const need of needs) await workspace.prepare(steps[need - 1] ?? '')
    await follows(workspace, heading)
  })
})

describeWithCurl('with all steps, for a client of the SDK', () => {
  let workspace: Workspace
  let server: StartedServer
  let key: string

  beforeAll(async () => {
    workspace = opened[0] as Workspace
    await sh(
      'kill "$(cat server.pid)"; while kill -0 "$(cat server.pid)"; do sleep 0.1; done',
      workspace.folder,
    )
    key = await readFile(join(workspace.folder, 'key'), 'utf8')
    server = await startServer(workspace.folder)
  })

  afterAll(() => server?.process.kill('SIGKILL'))

  it('refuses one without a key', async () => {
    await expect(connect(workspace.port)).rejects.toThrow(/Unauthorized/)
  })

  it('reads no body of a stranger', async () => {
    const answer = await fetch(`http://127.0.0.1:${workspace.port}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    })
    expect(answer.status).toBe(401)
  })

  it('serves its tools, prompts and resources as before', async () => {
    const client = await connect(workspace.port, key)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['broken', 'start-notification-stream'])
    const prompt = await client.getPrompt({ name: 'greeting-template', arguments: { name: 'Ada' } })
    expect(prompt.messages[0]?.content).toMatchObject({ text: expect.stringContaining('Ada') })
    const uri = 'https://example.com/greetings/default'
    expect((await client.readResource({ uri })).contents[0]).toMatchObject({
      text: 'Hello, world!',
    })
    await client.close()
  })

  it('masks what a tool throws, and leaves what the SDK says of bad arguments', async () => {
    const client = await connect(workspace.port, key)
    const thrown = JSON.stringify(await client.callTool(callOf('broken')))
    expect(thrown).toMatch(/Internal error \(correlation id [0-9a-f-]{36}\)/)
    expect(thrown).not.toContain('hunter2')
    const arguments_ = { count: 'many' }
    const bad = await client.callTool({ name: 'start-notification-stream', arguments: arguments_ })
    expect(JSON.stringify(bad)).toContain('expected number')
    await client.close()
  })

  it('answers a call in flight at SIGTERM, unready meanwhile, and ends with 0', async () => {
    const client = await connect(workspace.port, key)
    const call = client.callTool({
      name: 'start-notification-stream',
      arguments: { interval: 100, count: 50 },
    })
    const admin = (path: string) => fetch(`http://127.0.0.1:${workspace.adminPort}${path}`)
    const metrics = async () => (await admin('/metrics')).text()
    await expect.poll(metrics, { timeout: 20_000 }).toContain('mcp_requests_in_flight 1')
    const ready = () => admin('/ready')
    expect((await ready()).status).toBe(200)
    server.process.kill('SIGTERM')
    await expect.poll(async () => (await ready()).status).toBe(503)
    expect(JSON.stringify(await call)).toContain('every 100ms')
    await client.close()
    expect(await server.exited).toBe(0)
  })
})
