import { posix } from 'node:path'

/** Folders of one controller, from the process's own control group up to the topmost that can be seen. */
export interface ControllerFolders {
  version: 1 | 2
  folders: readonly string[]
}

interface Mount {
  /** What of the hierarchy stands at `point`. */
  root: string
  point: string
  type: string
  options: readonly string[]
}

/**
 * Finds the folders of a controller in `/proc/self/cgroup` and `/proc/self/mountinfo`. Where both versions are mounted a
 * controller is in one of them alone, and the first one wins, as in the kernel.
 */
export function controllerFolders(
  controller: string,
  cgroup: string,
  mountinfo: string,
): ControllerFolders | undefined {
  const mounts = mountinfo.split('\n').flatMap((line) => mountOf(line) ?? [])
  const groups = cgroup.split('\n').map((line) => /^\d+:([^:]*):(.+)$/.exec(line))
  const pathOf = (isWanted: (controllers: string[]) => boolean) =>
    groups.find((group) => group && isWanted((group[1] ?? '').split(',')))?.[2]

  const first = mounts.find(
    ({ type, options }) => type === 'cgroup' && options.includes(controller),
  )
  const firstPath = pathOf((controllers) => controllers.includes(controller))
  if (first && firstPath !== undefined) return { version: 1, folders: upwards(first, firstPath) }
  const second = mounts.find(({ type }) => type === 'cgroup2')
  const secondPath = pathOf(([name]) => name === '')
  if (!second || secondPath === undefined) return undefined
  return { version: 2, folders: upwards(second, secondPath) }
}

/** `36 35 98:0 /root /point options optional… - type source super-options`, as proc(5) has it. */
function mountOf(line: string): Mount | undefined {
  const [before = '', after] = line.split(' - ')
  const [, , , root, point] = before.split(' ')
  const [type, , options] = after?.split(' ') ?? []
  if (!root || !point || !type) return undefined
  return {
    root: unescaped(root),
    point: unescaped(point),
    type,
    options: options?.split(',') ?? [],
  }
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/**
 * The limits of every parent hold too. In a container the path is often that of the host while its own group is mounted
 * as the root, or leads out of what is mounted (`/..`): then the mount itself is as near as one gets.
 */
function upwards({ root, point }: Mount, path: string): string[] {
  const below = posix.relative(root, path)
  const names = below === '..' || below.startsWith('../') ? [] : below.split('/').filter(Boolean)
  return [...names.keys(), names.length]
    .map((count) => posix.join(point, ...names.slice(0, count)))
    .reverse()
}
