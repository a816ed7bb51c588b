import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../command.js'
import type { Registry } from '../registry.js'

/** The oldest TypeScript that lets CommonJS import ES modules, as Node does since 20.19. */
export const OLDEST_TYPESCRIPT = '5.8'
/** The lower ends of the peer ranges. */
export const LOWEST: Record<string, string> = { express: '5.0.0', zod: '4.2.0' }

export type Stranger = ReturnType<typeof strangerOf>

/** Somebody with an empty home, who knows of the registry and of nothing else. */
export function strangerOf(registry: Registry) {
  // So that a line can be run as it stands; neither changes what is installed.
  const settings = { NPM_CONFIG_AUDIT: 'false', NPM_CONFIG_FUND: 'false' }
  const env = { ...registry.env, ...settings, NPM_CONFIG_PREFER_OFFLINE: 'true' }
  const home = registry.env.HOME ?? ''

  /** An empty folder with what `npm init` writes. */
  async function folder(path: string): Promise<string> {
    const made = join(home, path)
    await mkdir(made, { recursive: true })
    const manifest = { name: 'app', version: '1.0.0', private: true, type: 'module' }
    await writeFile(join(made, 'package.json'), JSON.stringify(manifest))
    return made
  }

  /** A line as it stands in a README. */
  function sh(line: string, where: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
    return must('sh', ['-c', line], where, { ...env, ...more })
  }

  return { home, folder, sh }
}

/** Runs at most two at a time, in the order given. */
export function twoAtATime() {
  let running = 0
  const waiting: (() => void)[] = []
  return async function limited<T>(work: () => Promise<T>): Promise<T> {
    if (running === 2) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
