import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** An environment as a stranger's shell has it: nothing of the npm run that started these tests. */
export function strangersEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => {
    const lower = name.toLowerCase()
    return (
      !lower.startsWith('npm_') &&
      !['init_cwd', 'node_env', 'vitest', 'node_options'].includes(lower)
    )
  })
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}

interface Ran {
  code: number | null
  /** stdout and stderr, as they came. */
  output: string
}

/** Runs a command to its end; `env` is added to what a stranger's shell has. */
export function runs(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...strangersEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

/** Runs a command that must succeed. @throws Error with everything it printed. */
export async function must(
  command: string,
  args: readonly string[],
  cwd: string,
  env?: NodeJS.ProcessEnv,
): Promise<string> {
  const { code, output } = await runs(command, args, cwd, env)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}:\n${output}`)
  return output
}
