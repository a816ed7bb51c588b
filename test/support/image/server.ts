import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { must } from '../command.js'
import { type Child, startChild, waitFor } from '../rolling/child.js'
import { fixedPorts } from '../rolling/ports.js'
import { lockedUp } from './engine.js'
import type { ImageProject } from './project.js'

export interface ContainerServer extends Child {
  name: string
  url: URL
  adminUrl: string
  /** Of its first process, as this machine counts. */
  pid: () => Promise<number>
  signal: (name: 'TERM' | 'KILL') => Promise<string>
}

/** Runs the image as the platform does, until it listens. */
export async function startContainer(
  tag: string,
  project: ImageProject,
  env: Record<string, string> = {},
): Promise<ContainerServer> {
  const name = `mcp-prod-test-${randomBytes(4).toString('hex')}`
  const [port = 0, adminPort = 0] = await fixedPorts(2)
  const settings = {
    PORT: `${port}`,
    ADMIN_PORT: `${adminPort}`,
    HOST: '127.0.0.1',
    API_KEYS_FILE: '/run/secrets/api_keys',
    SHUTDOWN_GRACE: '0s',
    ...env,
  }
  const child = startChild(
    'podman',
    [
      ...lockedUp,
      `--name=${name}`,
      `--volume=${join(project.folder, 'keys.json')}:/run/secrets/api_keys:ro`,
      ...Object.entries(settings).map(([key, value]) => `--env=${key}=${value}`),
      tag,
    ],
    // Handed on to the container's first process.
    { cwd: project.folder, end: 'SIGTERM' },
  )
  const adminUrl = `http://127.0.0.1:${adminPort}`
  await waitFor('the container to be ready', child, async () => {
    const { status } = await fetch(`${adminUrl}/ready`)
    return status === 200
  })
  return {
    ...child,
    name,
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    adminUrl,
    pid: async () =>
      Number(await must('podman', ['inspect', '--format={{.State.Pid}}', name], project.folder)),
    signal: (signal) => must('podman', ['kill', `--signal=${signal}`, name], project.folder),
  }
}
