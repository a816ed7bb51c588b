import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endAll, isInstalled } from './support/rolling/child.js'
import { startHaproxy } from './support/rolling/haproxy.js'
import { STREAMS } from './support/rolling/load.js'
import { startNginx } from './support/rolling/nginx.js'
import { buildProject, type Project } from './support/rolling/project.js'
import { GRACE_MS } from './support/rolling/replica.js'
import { type Run, rollingRestart } from './support/rolling/run.js'
import { sumOf, tableOf } from './support/rolling/table.js'

// How often each of the two replicas is restarted; RESTARTS=20 takes about five minutes for each balancer.
const restarts = Number(process.env.RESTARTS ?? 2)
const timeoutMs = 120_000 + restarts * 120_000

const balancers = [
  ['haproxy', startHaproxy],
  ['nginx', startNginx],
] as const

let project: Project
beforeAll(async () => {
  project = await buildProject()
})
afterEach(endAll)

describe.each(balancers)('two replicas behind %s', (balancer, startBalancer) => {
  async function skipWithout(skip: (note: string) => void) {
    const wanted = process.env.REQUIRE_COMPONENTS === '1'
    if (!wanted && !(await isInstalled(balancer))) skip(`${balancer} is not installed`)
  }

  function report(title: string, run: Run) {
    process.stdout.write(`\n${tableOf(`${balancer}: ${title}`, run)}\n`)
  }

  it(
    `lose no call and no stream when each is restarted ${restarts} times under 50 clients`,
    async ({ skip }) => {
      await skipWithout(skip)
      const order = Array.from({ length: restarts }, () => ['a', 'b'] as const).flat()
      const run = await rollingRestart({ project, startBalancer, order, signal: 'SIGTERM' })
      report('restarted with SIGTERM', run)
      const { tally, exitCodes, complaints, answered, noticesMs, drainsMs } = run
      const { streams } = tally

      // Otherwise this machine was too busy: no server can do without calls of which nobody tells the balancer.
      expect(Math.max(...noticesMs)).toBeLessThan(GRACE_MS)
      expect(tally.failures.join('\n')).toBe('')
      expect(complaints.join('\n')).toBe('')
      expect(sumOf(run, 'failed')).toBe(0)
      expect(tally.truncated).toBe(0)
      // Some calls were still running when a replica closed.
      expect(Math.max(...drainsMs)).toBeGreaterThan(GRACE_MS + 500)
      // Each call ran once, and every process has answered some.
      expect(answered).toBe(sumOf(run, 'answered'))
      expect(tally.pids.size).toBe(order.length + 2)
      for (const [kind, count] of Object.entries(tally.calls))
        expect(count.answered, kind).toBeGreaterThan(order.length)
      expect(streams.completed).toBeGreaterThan(order.length)
      expect(streams.resumed).toBe(streams.completed)
      expect(streams.opened).toBe(STREAMS + streams.resumed)
      expect(exitCodes).toEqual(Array.from({ length: order.length + 2 }, () => 0))
    },
    timeoutMs,
  )

  it('lose calls and streams when one is killed instead', async ({ skip }) => {
    await skipWithout(skip)
    const run = await rollingRestart({ project, startBalancer, order: ['a'], signal: 'SIGKILL' })
    report('killed', run)
    expect(sumOf(run, 'failed')).toBeGreaterThan(0)
    expect(run.tally.truncated).toBeGreaterThan(0)
    expect(run.tally.streams.completed).toBeLessThan(run.tally.streams.resumed)
    expect(run.exitCodes).toEqual([null, null, null])
  })
})
