import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { z } from 'zod'
import { type Config, type ConfigWatch, type Shape, secret, watchConfig } from '../src/index.js'

let folder = ''
/** What is to be closed when the test ends. */
export const watches: { close(): void }[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => {
  for (const { close } of watches.splice(0)) close()
  rmSync(folder, { recursive: true })
})

/** A path in the folder of this very test. */
export const at = (name: string) => join(folder, name)
export const write = (name: string, content: string | Uint8Array) =>
  writeFileSync(at(name), content)
/** As Vault Agent does. */
export function replace(name: string, content: string | Uint8Array): void {
  write('.new', content)
  renameSync(at('.new'), at(name))
}

/** Watches what `env` says, with no look but those asked for, and keeps all that is told. */
export function watch<const S extends Shape>(
  shape: S,
  env: Record<string, string>,
  options: {
    onChange?: (config: Config<S>, changed: readonly string[]) => unknown
    readFile?: (path: string) => Uint8Array | string
  } = {},
) {
  const told: unknown[] = []
  const watched: ConfigWatch<S> = watchConfig(shape, {
    env,
    intervalMs: 3_600_000,
    ...(options.readFile && { readFile: options.readFile }),
    onChange: (config, changed) => {
      told.push({ changed, ...config })
      return options.onChange?.(config, changed)
    },
    onFault: ({ faults }) => told.push(...faults.map(({ problem }) => problem)),
    onError: (error) => told.push(error),
  })
  watches.push(watched)
  /** What one look, or none, adds. */
  const news = async () => {
    await watched.check()
    return told.splice(0)
  }
  return { watched, news }
}

/** Watches `KEY`, read from the file `key`. */
export function watchKey(content: string, schema: z.ZodType = secret()) {
  write('key', content)
  return watch({ KEY: schema }, { KEY_FILE: at('key') })
}
