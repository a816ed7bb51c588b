import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspector, mcporter, mcpRemote } from './support/clients/programs.js'
import { type FaultServer, killAll, startServer, stopServer } from './support/faults/server.js'
import { type Project, writeServer } from './support/project.js'

const programs = { 'the MCP Inspector': inspector, mcporter, 'mcp-remote': mcpRemote }
const WRONG = 'mcp_dev_wrong'

// The clients of both SDKs are in the tests of a generated server itself.
describe.each([
  ['without sessions', false],
  ['with sessions', true],
])('a generated server %s', (_, sessions) => {
  let project: Project
  let server: FaultServer
  beforeAll(async () => {
    project = await writeServer(`clients${sessions ? '-sessions' : ''}`, { sessions })
    server = await startServer(project)
  })
  afterAll(async () => {
    await stopServer(server)
    await killAll()
  })

  it.each(Object.entries(programs))('is listed and called by %s', async (_, ask) => {
    const { folder } = project
    const { tools, mean } = await ask({ url: server.url, key: server.key, folder })
    expect(tools.toSorted()).toEqual(['countdown', 'current_weather', 'summarize_numbers'])
    expect(mean).toBe(2)
  })

  it.each(Object.entries(programs))('lets %s do nothing with a wrong key', async (_, ask) => {
    const { folder } = project
    await expect(ask({ url: server.url, key: WRONG, folder })).rejects.toThrow()
  })
})
