import type { Context } from '../context.js'
import { npm } from '../npm.js'
import { inspectTarget } from '../target.js'

/** Everything that can refuse the run before anything is made. */
export async function check({ plan, signal }: Context): Promise<void> {
  await inspectTarget(plan.target)
  const needsNpm = plan.install && !plan.dryRun
  if (needsNpm) await npm(['--version'], { cwd: process.cwd(), signal })
}
