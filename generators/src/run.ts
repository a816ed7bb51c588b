import { spawn } from 'node:child_process'

export interface RunOptions {
  cwd: string
  env?: NodeJS.ProcessEnv
  /** Ends the command with everything it started. */
  signal?: AbortSignal
}

export interface RunResult {
  exitCode: number
  /** The last 64 kB of what it wrote, standard output and error as they came. */
  output: string
}

const keepBytes = 64 * 1024
const graceMs = 3000

/**
 * Runs a command to its end. It gets a process group of its own and no input: Ctrl-C in the terminal reaches
 * only us, and we end the command in order, with whatever it started.
 *
 * @throws the signal's reason once the command is gone, or the error of the start (`ENOENT`: not installed).
 */
export async function run(
  command: string,
  args: string[],
  options: RunOptions,
): Promise<RunResult> {
  const { cwd, env = process.env, signal } = options
  signal?.throwIfAborted()
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
    // npm is a script there; anything else goes without a shell, which would read its arguments anew.
    shell: process.platform === 'win32' && command === 'npm',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-keepBytes)
    })
  }
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    killGroup(child.pid, 'SIGTERM')
    timer = setTimeout(killGroup, graceMs, child.pid, 'SIGKILL')
  }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) => {
        // Nothing of it may still write into what is about to be removed.
        if (signal?.aborted) resolve(1)
        else child.on('close', () => resolve(code ?? 1))
      })
    })
    if (signal?.aborted) killGroup(child.pid, 'SIGKILL')
    signal?.throwIfAborted()
    return { exitCode, output }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

function killGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, name)
  } catch {
    // Gone already.
  }
}
