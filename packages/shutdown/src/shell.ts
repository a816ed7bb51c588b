import { readFileSync } from 'node:fs'

/**
 * Whether a shell stands between this process and who would stop it: npm, or the runtime of a container. It ends itself
 * or does nothing, and passes no signal on. bash replaces itself by what it runs.
 */
export function behindShell(): boolean {
  const { platform, ppid, env } = process
  if (platform !== 'linux') return false
  if (ppid !== 1 && env.npm_lifecycle_script === undefined) return false
  try {
    return ['sh', 'dash', 'ash'].includes(readFileSync(`/proc/${ppid}/comm`, 'utf8').trim())
  } catch {
    return false
  }
}
