import { expect } from 'vitest'
import { complete, enough, serverProcess } from './support/server-process.js'

complete('does not start in several processes, since a session lives in one', async () => {
  const { exited } = serverProcess({ ...enough(), WORKERS: '2' })
  const { code, output } = await exited
  expect(code).toBe(1)
  expect(output).toMatch(/WORKERS.* is 2 here, but a session lives in one process/)
})
