import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { hashApiKey } from '@mcp-prod/auth'
import type { Selection } from '../../generators/dist/features.js'
import { weatherServer } from '../../templates/+upstream/test/support/weather-server.js'
import { held, probeOptions } from '../support/fuzz/probe.js'
import { noLimits } from '../support/no-limits.js'
import { writeServer } from '../support/project.js'

/**
 * V8 optimises, gives up and optimises again for hours, and keeps lists of what its code depends on: a megabyte in a hundred thousand
 * requests that levels off and is no object of the server's. Without it a leak of a few bytes a request is seen.
 */
const NOT_OPTIMISED = '--no-opt'

/**
 * V8 makes a table of the lines of every script when a debugger first looks: 1.8 MB, once. The watch over a blocked process is
 * such a debugger, and whether this machine starves the process so that it looks is no matter of the server's.
 */
async function makeLineTables(): Promise<void> {
  const { Session } = await import('node:inspector')
  const session = new Session()
  process.once('message', () => {
    session.connect()
    session.post('Debugger.enable', () => session.disconnect())
  })
}

/** A generated server as production runs it, without limits on rates, that says what it holds. */
export async function probedServer(
  name: string,
  selection: Selection = {},
  env: NodeJS.ProcessEnv = {},
) {
  const project = await writeServer(name, selection)
  const upstream = await weatherServer()
  const tables = `data:text/javascript,${encodeURIComponent(`await (${makeLineTables})()`)}`
  const options = [NOT_OPTIMISED, ...probeOptions, '--import', tables]
  const server = spawn(process.execPath, [...options, 'dist/main.js'], {
    cwd: project.folder,
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PORT: '0',
      ADMIN_PORT: '0',
      WEATHER_URL: upstream.url,
      API_KEYS: JSON.stringify([
        {
          id: 'dev',
          hash: hashApiKey(project.key),
          principal: 'soak',
          scopes: ['stats:read', 'weather:read'],
        },
      ]),
      ...noLimits,
      SHUTDOWN_GRACE: '0s',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = new Promise<number | null>((resolve) => server.once('exit', resolve))
  const { url } = await new Promise<{ url: string }>((resolve) => {
    createInterface(server.stdout as NodeJS.ReadableStream).on('line', (line) => {
      if (line.includes('"listening"')) resolve(JSON.parse(line))
    })
  })
  return {
    url,
    headers: {
      authorization: `Bearer ${project.key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    /** Bytes of what it keeps, those of code apart: V8 compiles and optimises for hours, which is no leak, and levels off. */
    async kept() {
      const { heapBytes, codeBytes, resources } = await held(server)
      const handles = Object.values(resources).reduce((sum, count) => sum + count, 0)
      return { bytes: heapBytes - codeBytes, codeBytes, handles, resources }
    },
    /** Ends it as the platform does, and says with which code it ended. */
    async stop() {
      server.kill('SIGTERM')
      const code = await exited
      upstream.close()
      return code
    },
  }
}
