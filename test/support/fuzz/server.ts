import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { hashApiKey } from '@mcp-prod/auth'
import { strangersEnv } from '../command.js'
import { probeOptions } from './probe.js'
import type { Secrets } from './secrets.js'

const RESOURCE = 'http://localhost:8080/mcp'
const SCOPES = ['stats:read', 'weather:read']

const running = new Set<ChildProcess>()

/** Ends whatever was started here and still runs. */
export async function killAll(): Promise<void> {
  const ended = [...running].map((child) => once(child, 'close'))
  for (const child of running) child.kill('SIGKILL')
  await Promise.all(ended)
}

function startNode(args: string[], cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as const
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...strangersEnv(), ...env },
    stdio: [...stdio],
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

export interface AuthServer {
  env: NodeJS.ProcessEnv
  jwt: string
  bareJwt: string
}

/** Starts the project's own authorization server for development and gets two tokens of it. */
export async function startAuthServer(folder: string, clientSecret: string): Promise<AuthServer> {
  const issuer = `http://localhost:${await freePort()}`
  const env = {
    OAUTH_ISSUER: issuer,
    OAUTH_PRIVATE_HOSTS: new URL(issuer).host,
    RESOURCE_URL: RESOURCE,
  }
  const child = startNode(['--import', 'tsx', 'scripts/auth-server.ts'], folder, {
    ...env,
    DEV_CLIENT_SECRET: clientSecret,
  })
  await firstLine(child, () => true)
  const token = (scope: string) => tokenOf(issuer, clientSecret, scope)
  return { env, jwt: await token(SCOPES.join(' ')), bareJwt: await token('') }
}

async function tokenOf(issuer: string, secret: string, scope: string): Promise<string> {
  const basic = Buffer.from(`dev-machine:${secret}`).toString('base64')
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: RESOURCE }),
  })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  if (!token)
    throw new Error(`the authorization server answered ${response.status} without a token`)
  return token
}

export interface FuzzedServer {
  process: ChildProcess
  port: number
  url: URL
  adminUrl: string
  /** Every line of stdout and of stderr, as it came. */
  lines: string[]
  errors: string[]
  exited: Promise<number | null>
}

/** Starts the compiled server as production does, with the most talkative log and two API keys. */
export async function startServer(
  folder: string,
  secrets: Secrets,
  env: NodeJS.ProcessEnv,
): Promise<FuzzedServer> {
  const child = startNode([...probeOptions, 'dist/main.js'], folder, {
    NODE_ENV: 'production',
    PORT: '0',
    ADMIN_PORT: '0',
    LOG_LEVEL: 'debug',
    SHUTDOWN_GRACE: '0s',
    API_KEYS: JSON.stringify([
      { id: 'dev', hash: hashApiKey(secrets.key), principal: 'developer', scopes: SCOPES },
      { id: 'bare', hash: hashApiKey(secrets.bareKey), principal: 'nobody', scopes: [] },
    ]),
    ...env,
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = linesOf(child.stdout)
  const errors = linesOf(child.stderr)
  const listening = await firstLine(child, (line) => line.includes('"listening"'))
  const { url, adminUrl } = JSON.parse(listening)
  return {
    process: child,
    port: Number(new URL(url).port),
    url: new URL(url),
    adminUrl,
    lines,
    errors,
    exited,
  }
}

function linesOf(stream: NodeJS.ReadableStream | null): string[] {
  const lines: string[] = []
  if (stream) createInterface(stream).on('line', (line) => lines.push(line))
  return lines
}

/** @throws Error when the process ends before it prints a line that fits. */
function firstLine(child: ChildProcess, fits: (line: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk) => {
      said += chunk
    })
    if (child.stdout)
      createInterface(child.stdout).on('line', (line) => fits(line) && resolve(line))
    child.once('close', (code) => reject(new Error(`a process ended with ${code}:\n${said}`)))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
