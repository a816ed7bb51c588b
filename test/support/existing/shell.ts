import { spawn } from 'node:child_process'
import { strangersEnv } from '../command.js'

/** What a block prints when a reader pastes it into a shell: stdout and stderr, as they come. */
export function sh(script: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', `exec 2>&1\n${script}`], {
      cwd,
      env: { ...strangersEnv(), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 120_000,
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(output.replaceAll(/[\r ]+$/gm, '').trim()))
  })
}

/** A shown answer as a pattern: `…` stands for anything within its line, and alone on a line for any lines. */
export function shown(answer: string): RegExp {
  const lines = answer.trim().split('\n')
  const pattern = lines.map((line) => (line === '…' ? '[^]*?' : literal(line)))
  return new RegExp(`^${pattern.join('\n')}$`)
}

function literal(line: string): string {
  return line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '[^\\n]*')
}
