import { expect, it } from 'vitest'
import { countdown } from '../../src/tools/countdown.js'
import { toolContext } from '../support/tool-context.js'

it('reports each second and then its answer', async () => {
  const reports: unknown[] = []
  const progress = async (...report: unknown[]) => void reports.push(report)
  expect(await countdown.run({ seconds: 1 }, toolContext({ progress }))).toEqual({
    waitedSeconds: 1,
  })
  expect(reports).toEqual([[1, 1]])
})

it('stops at once when nobody waits any more', async () => {
  const controller = new AbortController()
  const running = countdown.run({ seconds: 20 }, toolContext({ signal: controller.signal }))
  controller.abort()
  await expect(running).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
})
