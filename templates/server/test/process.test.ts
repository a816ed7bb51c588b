import { expect, it } from 'vitest'
import { connect } from './support/clients.js'
import { required } from './support/credentials.js'
import { access, complete, enough, serverProcess } from './support/server-process.js'

complete('answers the call in flight after SIGTERM, turns unready and exits with 0', async () => {
  const { child, exited, listening } = serverProcess({ ...enough(), SHUTDOWN_GRACE: '500ms' })
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

complete(
  'has its probes on the one port of a platform that gives no other, and shows them nothing',
  async () => {
    const token = 'only-for-this-test-0123456789abcdef'
    const env = { ...enough(), ADMIN_PORT: 'none', ADMIN_TOKEN: token, SHUTDOWN_GRACE: '500ms' }
    const { child, exited, listening } = serverProcess(env)
    const { url } = await listening
    // As a platform asks: by an address, under no name that is allowed.
    const ask = (path: string, headers = {}) => fetch(new URL(path, url), { headers })
    for (const path of ['/startup', '/health', '/ready']) {
      const answer = await ask(path)
      expect(answer.status, path).toBe(200)
      expect(await answer.json(), path).not.toHaveProperty('checks')
    }
    for (const path of ['/metrics', '/debug/pprof', '/debug/log-level']) {
      expect((await ask(path)).status, path).toBe(401)
      expect((await ask(`${path}?token=${token}`)).status, path).toBe(401)
    }
    const metrics = await ask('/metrics', { authorization: `Bearer ${token}` })
    expect(await metrics.text()).toMatch(/^mcp_ready 1$/m)

    child.kill('SIGTERM')
    await expect.poll(async () => (await ask('/ready')).status).toBe(503)
    expect(await exited).toMatchObject({ code: 0 })
  },
)

complete('shows no metrics on that port to anybody without a token of its own', async () => {
  const { listening } = serverProcess({ ...enough(), ADMIN_PORT: 'none' })
  const { url } = await listening
  for (const path of ['/metrics', '/debug/pprof']) {
    expect((await fetch(new URL(path, url))).status, path).toBe(404)
  }
})

it('refuses to start with a bad configuration, naming every fault', async () => {
  const { exited } = serverProcess({ PORT: 'eighty', SHUTDOWN_GRACE: '5' })
  const { code, output } = await exited
  expect(code).toBe(1)
  const names = ['PORT', 'SHUTDOWN_GRACE', ...Object.keys(required)]
  for (const name of names) expect(output).toContain(name)
})
