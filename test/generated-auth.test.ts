import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresServer } from '../templates/+postgres/test/support/postgres-server.js'
import { redisServer } from '../templates/+redis/test/support/redis-server.js'
import { clients, connect } from '../templates/server/test/support/clients.js'
import { must, strangersEnv } from './support/command.js'
import { lay } from './support/laid.js'
import { type RunningServer, start } from './support/running.js'

const smallest = { ci: 'none', deploy: 'none', upstream: false, stdio: false }
const variants = [
  {
    selection: { ...smallest, auth: 'jwt', sdk: 'v1', sessions: true },
    absent: ['src/keys.ts', 'src/introspection.ts', 'keys.json'],
  },
  {
    selection: {
      ...smallest,
      ...{ auth: 'introspection', postgres: true, redis: true, tracing: true, sessions: true },
    },
    absent: ['src/keys.ts', 'src/jwt.ts', 'keys.json'],
  },
  { selection: { auth: 'apikey+jwt' }, absent: ['src/introspection.ts'] },
]

function end(child: ChildProcess | undefined, signal: NodeJS.Signals) {
  if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal)
}

describe.each(variants)('a server written with --auth $selection.auth', ({ selection, absent }) => {
  let folder: string
  let remove: () => Promise<void>
  let authServer: ChildProcess | undefined
  let server: RunningServer | undefined
  beforeAll(async () => {
    ;({ folder, remove } = await lay(selection))
    await must('npm', ['run', 'build'], folder)
  })
  afterAll(async () => {
    end(authServer, 'SIGKILL')
    server?.process.kill('SIGKILL')
    await remove()
  })

  it('has nothing of the other kinds, and ignores what has secrets', async () => {
    const kept = (await must('git', ['ls-files'], folder)).split('\n')
    expect(kept).toContain('src/auth.ts')
    expect(kept.filter((file) => absent.includes(file))).toEqual([])
    expect(kept).not.toContain('keys.json')
    expect(kept).not.toContain('.env')
  })

  it('serves every client with a token of its authorization server, as its README says', async () => {
    authServer = spawn('npm', ['run', 'auth-server'], {
      cwd: folder,
      env: strangersEnv(),
      // npm and what it starts are ended together.
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const { stdout } = authServer
    await new Promise<void>((resolve) => {
      stdout?.on('data', (chunk) => String(chunk).includes('http://localhost:8089') && resolve())
    })
    const token = (await must('npm', ['run', '--silent', 'token'], folder)).trim()
    const stores =
      'postgres' in selection ? await Promise.all([postgresServer(), redisServer()]) : []
    const [DATABASE_URL, REDIS_URL] = stores.map((store) => store?.url)
    server = await start(folder, { SHUTDOWN_GRACE: '100ms', DATABASE_URL, REDIS_URL })
    for (const [, open] of clients) {
      const client = await open(server.url, token)
      const numbers = { name: 'summarize_numbers', arguments: { numbers: [1, 2, 3] } }
      expect((await client.callTool(numbers)).structuredContent).toMatchObject({ mean: 2 })
      await client.close()
    }
    if (server.key) await (await connect(server.url, server.key)).close()
    const logs = JSON.stringify(server.lines)
    expect(logs).toContain('"principal":"oauth:dev-machine"')
    expect(logs).not.toContain(token)
    const secret = /^DEV_CLIENT_SECRET=(.+)$/m.exec(await readFile(join(folder, '.env'), 'utf8'))
    expect(secret?.[1]?.length).toBeGreaterThan(20)
    expect(logs).not.toContain(secret?.[1])
    server.process.kill('SIGTERM')
    expect(await server.exited).toBe(0)
    for (const store of stores) await store?.close()
    end(authServer, 'SIGTERM')
    await once(authServer, 'close')
    authServer = undefined
  })
})
