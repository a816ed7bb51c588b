import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hashApiKey } from '@mcp-prod/auth'
import { root } from '../support/command.js'
import { noLimits } from '../support/no-limits.js'
import { type Project, writeServer } from '../support/project.js'

export interface Contestant {
  name: string
  tools: number
  url: string
  headers: Record<string, string>
  process: ChildProcess
}

let project: Project | undefined

/** The generated server with the bench's tools in place of its own. */
export async function writeGeneratedServer(): Promise<void> {
  const tools = await readFile(new URL('tools.ts', import.meta.url), 'utf8')
  project = await writeServer('bench', {}, { 'src/tools/index.ts': tools })
}

/** Starts one contestant on a free port and waits until it answers. */
export async function startContestant(name: string, tools: number): Promise<Contestant> {
  if (!project) throw new Error('writeGeneratedServer() comes first')
  const { folder, key } = project
  const commands: Record<string, [string, string[]]> = {
    'generated server': [folder, ['dist/main.js']],
    'bare SDK': [root, ['--import', 'tsx', 'test/bench/bare-sdk.ts']],
    'bare Express': [root, ['--import', 'tsx', 'test/bench/bare-express.ts']],
  }
  const [cwd, args] = commands[name] ?? []
  if (!cwd || !args) throw new Error(`no contestant is named ${name}`)
  return startProcess(name, { cwd, args, key, tools })
}

interface Start {
  cwd: string
  args: string[]
  key: string
  tools: number
  env?: NodeJS.ProcessEnv
}

/** Starts a server of the bench's tools on a free port, with a key that may call them, and waits until it answers. */
export async function startProcess(name: string, start: Start): Promise<Contestant> {
  const { cwd, args, key, tools, env = {} } = start
  const entry = { id: 'dev', hash: hashApiKey(key), principal: 'bench', scopes: [] }
  const port = await freePort()
  const child = spawn(process.execPath, args, {
    cwd,
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      TOOLS: String(tools),
      PORT: String(port),
      ADMIN_PORT: '0',
      API_KEYS: JSON.stringify([entry]),
      // Every layer works; none refuses.
      ...noLimits,
      SHUTDOWN_GRACE: '0s',
      ...env,
    },
    // A pipe that is read, as a container's log is.
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.resume()
  const url = `http://127.0.0.1:${port}/mcp`
  await untilListening(port, child)
  return { name, tools, url, headers: { authorization: `Bearer ${key}` }, process: child }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`a contestant ended with ${child.exitCode}`)
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (answered) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('a contestant did not listen within 20 s')
}
