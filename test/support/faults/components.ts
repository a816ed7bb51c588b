import { spawnSync } from 'node:child_process'

/**
 * Why a row cannot be tested here, or undefined when it can: what `command` needs to be able to do is tried.
 *
 * @throws Error instead, where the components are required.
 */
export function missing(what: string, command: readonly string[]): string | undefined {
  const [program = '', ...args] = command
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return undefined
  const reason = `${what}: ${error?.message ?? stderr.trim()}`
  if (process.env.REQUIRE_COMPONENTS === '1') throw new Error(reason)
  return reason
}
