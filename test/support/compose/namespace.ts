import { once } from 'node:events'
import { type Child, startChild } from '../rolling/child.js'

export interface Namespace {
  /** The words before a command that make it run inside, in this folder. */
  inside: (cwd: string) => string[]
  end: () => Promise<void>
}

/** A network of its own, with bridges and ports of its own: nothing of it meets what else runs on this machine. */
export async function startNamespace(): Promise<Namespace> {
  const script = `
    mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up &&
    echo ready && exec sleep infinity`
  const child: Child = startChild('unshare', ['--net', '--mount', 'sh', '-c', script], {
    end: 'SIGKILL',
  })
  const ended = child.exited.then(() => {
    throw new Error(`no network of its own: ${child.lines.join('\n')}`)
  })
  ended.catch(() => {})
  if (!child.lines.includes('ready') && child.process.stdout)
    await Promise.race([once(child.process.stdout, 'data'), ended])
  return {
    inside: (cwd) => [
      'nsenter',
      '--net',
      '--mount',
      `--wd=${cwd}`,
      `--target=${child.process.pid}`,
    ],
    async end() {
      child.process.kill('SIGKILL')
      await child.exited
    },
  }
}
