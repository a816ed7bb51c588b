import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'

const binaries = findBinaries()
const isRequired = process.env.REQUIRE_COMPONENTS === '1'

/** A server of its own, to stop and to start again, or undefined where PostgreSQL is not installed. */
export async function postgresServer(settings: Record<string, string> = {}) {
  if (!binaries) return missing('PostgreSQL is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'))
  const password = randomBytes(16).toString('hex')
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password)
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined
  for (const path of [folder, passwordFile]) if (user) chownSync(path, user.uid, user.gid)
  const [data, port] = [join(folder, 'data'), await freePort()]
  const words = ['-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile]
  const init = spawn(join(binaries, 'initdb'), [...words, '-N', '-E', 'UTF8', '--locale=C', data], {
    ...user,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(init, 'close')
  if (code !== 0) throw new Error(`initdb ended with ${code}`)

  const all = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off' }
  const options = Object.entries({ ...all, ...settings }).flatMap(([key, value]) => [
    '-c',
    `${key}=${value}`,
  ])
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  let child: ReturnType<typeof start> | undefined
  let paused: number[] = []

  function start() {
    const started = spawn(join(binaries ?? '', 'postgres'), ['-D', data, ...options], {
      ...user,
      cwd: folder,
      stdio: 'ignore',
    })
    process.once('exit', () => started.kill('SIGKILL'))
    return started
  }

  const server = {
    url,
    password,
    async start() {
      child = start()
      for (let tries = 0; !(await answers(url)); tries++) {
        if (tries > 200 || child.exitCode !== null) throw new Error('PostgreSQL does not start')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
    /** At once, as when its machine dies: whatever runs is cut off. */
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const closed = once(child, 'close')
      child.kill('SIGQUIT')
      await closed
    },
    /** Stops it in the middle of everything: connections stay open, and nothing is answered. */
    async pause() {
      const rows = await ask(url, 'select pid from pg_stat_activity where pid <> pg_backend_pid()')
      paused = [...rows.map(({ pid }) => Number(pid)), child?.pid ?? 0].filter((pid) => pid > 0)
      for (const pid of paused) process.kill(pid, 'SIGSTOP')
    },
    resume() {
      for (const pid of paused.splice(0)) process.kill(pid, 'SIGCONT')
    },
    async close() {
      server.resume()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  await applySchema(url)
  return server
}

/** TEST_DATABASE_URL or a server of its own, with the schema; undefined where there is neither. */
export async function testDatabase() {
  const url = process.env.TEST_DATABASE_URL
  if (!url) return postgresServer()
  await applySchema(url)
  return { url, password: decodeURIComponent(new URL(url).password), close: async () => {} }
}

/** One statement on a connection of its own. */
export async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function applySchema(url: string) {
  const schema = await readFile(new URL('../../db/schema.sql', import.meta.url), 'utf8')
  await ask(url, `begin; select pg_advisory_xact_lock(20112026); ${schema}; commit`)
}

function answers(url: string): Promise<boolean> {
  return ask(url, 'select 1').then(
    () => true,
    () => false,
  )
}

function missing(reason: string): undefined {
  if (isRequired) throw new Error(`${reason}, but REQUIRE_COMPONENTS is 1`)
  process.stderr.write(`skipped: ${reason}\n`)
}

function findBinaries(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian)
    ? readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  return folders.find((folder) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  )
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
