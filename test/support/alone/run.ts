import { join } from 'node:path'
import { expect } from 'vitest'
import type { ModuleKind } from './compile.js'
import type { Prepared } from './prepare.js'
import { probes } from './probes/index.js'
import type { Programs } from './program.js'
import { isOnlyEsm } from './readme.js'
import type { Stranger } from './stranger.js'

/** Runs what a README shows, and sees that it does what the README says; each of its commands has a part in that. */
export async function runReadme(
  { sh }: Stranger,
  { name, folder, readme }: Prepared,
  out: Record<ModuleKind, string>,
  wanted: ModuleKind,
  { start }: Programs,
): Promise<void> {
  const probe = probes[name]
  if (!probe) throw new Error(`${name} has no probe in test/support/alone/probes`)
  const run = new Set<string>()
  await probe({
    folder,
    async start(env, heading) {
      const isMeant = (example: { heading: string }) => example.heading === heading
      const index = heading === undefined ? 0 : readme.examples.findIndex(isMeant)
      const example = readme.examples[index]
      if (!example) throw new Error(`${name}: there is no example below "${heading}"`)
      const type = isOnlyEsm(example) ? 'module' : wanted
      return start(join(out[type], `example-${index}.js`), env)
    },
    async command(beginning, env) {
      const found = readme.commands.find(({ text }) => text.startsWith(beginning))
      if (!found) throw new Error(`${name}: no command begins with ${beginning}`)
      run.add(found.text)
      return sh(found.text, folder, env)
    },
  })
  const left = readme.commands.filter(({ text, notRun }) => notRun === undefined && !run.has(text))
  expect(left).toEqual([])
}
