import { ask } from '../faults/ask.js'
import { type Child, startChild, waitFor } from '../rolling/child.js'
import { fixedPorts } from '../rolling/ports.js'
import { settingsOf } from './manifests.js'
import { podOf } from './pods.js'
import { environmentOf } from './server.js'
import type { Variant } from './variant.js'

export interface Pod extends Child {
  /** Where a path of one of the container's ports is, named or numbered as in the manifests. */
  at: (port: unknown, path?: string) => string
  /** What a probe of the manifests is told. */
  probe: (name: 'startupProbe' | 'livenessProbe' | 'readinessProbe') => Promise<number>
}

/** Starts the server as its container would run in production, on ports of this machine, until it is ready. */
export async function startPod(
  scratch: string,
  { project, subjects, secrets }: Variant,
  otherSecrets: Record<string, string> = {},
): Promise<Pod> {
  const { manifests } = subjects.production
  const { container } = podOf(manifests)
  const env = await environmentOf(scratch, settingsOf(manifests), { ...secrets, ...otherSecrets })
  const ports = container.ports ?? []
  const actual = await fixedPorts(ports.length)
  const portOf = (wanted: unknown) =>
    actual[ports.findIndex((one) => one.name === wanted || one.containerPort === wanted)]
  const at = (port: unknown, path = '') => `http://127.0.0.1:${portOf(port)}${path}`
  const child = startChild(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
    cwd: project.folder,
    end: 'SIGKILL',
    env: {
      ...env,
      PORT: String(portOf(Number(env.PORT))),
      ADMIN_PORT: String(portOf(Number(env.ADMIN_PORT))),
    },
  })
  const probe: Pod['probe'] = async (name) => {
    const { port, path } = container[name]?.httpGet ?? {}
    return (await ask(at(port, path))).status
  }
  await waitFor('the pod to be ready', child, async () => (await probe('readinessProbe')) === 200)
  return { ...child, at, probe }
}
