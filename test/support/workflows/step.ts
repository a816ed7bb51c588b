import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../command.js'

interface Ran {
  code: number
  output: string
  /** What it wrote into $GITHUB_OUTPUT. */
  outputs: Record<string, string>
  /** What it left in $RUNNER_TEMP, by name. */
  temp: string[]
}

/** Runs a step's script as a runner does, with `bash -e`, and nothing of this process's own variables but PATH and HOME. */
export async function runStep(
  script: string,
  cwd: string,
  env: Record<string, string> = {},
): Promise<Ran> {
  const temp = await mkdtemp(join(tmpdir(), 'mcp-prod-step-'))
  const output = join(temp, 'output')
  const file = join(temp, 'step.sh')
  await writeFile(output, '')
  await writeFile(file, script)
  const all = { CI: 'true', GITHUB_OUTPUT: output, RUNNER_TEMP: temp, ...env }
  const set = Object.entries(all).map(([name, value]) => `${name}=${value}`)
  try {
    const printed = await must(
      'sh',
      ['-c', '"$@" 2>&1; echo "exit $?"', 'sh', 'env', ...set, 'bash', '-e', file],
      cwd,
    )
    const [, code = ''] = /exit (\d+)\n$/.exec(printed) ?? []
    const lines = (await readFile(output, 'utf8')).trim().split('\n')
    const outputs = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)))
    const modes = await must('find', [temp, '-type', 'f', '-printf', '%f %m\\n'], cwd)
    return { code: Number(code), output: printed, outputs, temp: modes.trim().split('\n') }
  } finally {
    await rm(temp, { recursive: true })
  }
}
