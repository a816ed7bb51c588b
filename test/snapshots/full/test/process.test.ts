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

it('refuses to start with a bad configuration, naming every fault', async () => {
  const { exited } = serverProcess({ PORT: 'eighty', SHUTDOWN_GRACE: '5' })
  const { code, output } = await exited
  expect(code).toBe(1)
  const names = ['PORT', 'SHUTDOWN_GRACE', ...Object.keys(required)]
  for (const name of names) expect(output).toContain(name)
})
