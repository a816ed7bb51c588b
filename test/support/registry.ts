import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { must, root } from './command.js'

export interface Registry {
  url: string
  /** What makes npm, pnpm and yarn of a stranger ask this registry, with a home and a cache of their own. */
  env: NodeJS.ProcessEnv
  /** Stops answering; what was installed from it stays in the caches. */
  stop(): Promise<void>
  /** Stops, and removes everything. */
  remove(): Promise<void>
}

/**
 * A real registry, verdaccio, that begins with no package of ours and fetches everybody else's from the one that this
 * machine uses.
 */
export async function startRegistry(): Promise<Registry> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-prod-registry-'))
  const upstream = (await must('npm', ['config', 'get', 'registry'], root)).trim()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/`
  await writeFile(join(home, 'config.yaml'), configOf(home, upstream))
  const bin = join(root, 'node_modules/verdaccio/bin/verdaccio')
  const args = ['--config', join(home, 'config.yaml'), '--listen', `127.0.0.1:${port}`]
  const child = spawn(process.execPath, [bin, ...args], { cwd: home, stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await answers(`${url}-/ping`, () => child.exitCode === null)

  const stranger = join(home, 'stranger')
  await mkdir(stranger)
  // verdaccio lets anybody publish, but npm does not try without a token.
  const lines = [`registry=${url}`, `//127.0.0.1:${port}/:_authToken=anybody`]
  await writeFile(join(stranger, '.npmrc'), `${lines.join('\n')}\n`)
  const stop = async () => {
    child.kill()
    await ended
  }
  return {
    url,
    env: { HOME: stranger, NPM_CONFIG_USERCONFIG: join(stranger, '.npmrc') },
    stop,
    async remove() {
      await stop()
      await rm(home, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

function configOf(home: string, upstream: string): string {
  return JSON.stringify({
    storage: join(home, 'storage'),
    uplinks: { upstream: { url: upstream, maxage: '60m', timeout: '60s', max_fails: 100 } },
    packages: {
      '@mcp-prod/*': { access: '$all', publish: '$all' },
      'create-mcp-prod': { access: '$all', publish: '$all' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    max_body_size: '50mb',
    web: { enable: false },
    log: { type: 'file', path: join(home, 'registry.log'), level: 'warn' },
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function answers(url: string, lives: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && lives(); tries++) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return
    await sleep(200)
  }
  throw new Error(`no registry answers at ${url}`)
}
