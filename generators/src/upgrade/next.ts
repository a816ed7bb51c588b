import { featuresOf, optionsOf, type Selection } from '../features.js'
import type { Files } from '../render.js'
import type { KitSource, Source } from '../source.js'
import { render } from '../steps/render.js'

export interface Next {
  files: Files
  /** Files with something made anew each time, such as a secret. */
  secret: Set<string>
}

/** What this command writes with the project's options, without what is random. */
export async function renderNext(
  name: string,
  selection: Selection,
  source: Source,
  kit: KitSource,
  signal: AbortSignal,
): Promise<Next> {
  const plan = {
    ...{ target: '', name, features: featuresOf(selection), options: optionsOf(selection) },
    ...{ dryRun: true, unasked: false, install: false, git: false },
  }
  const make = async () => {
    const progress = { step: async () => {}, say: () => {} }
    const files: Files = new Map()
    const context = { plan, source: { ...source, kit }, progress, signal, from: '', files }
    await render(context)
    return context.files
  }
  const [files, again] = [await make(), await make()]
  const differs = [...files].filter(([path, { content }]) => {
    return !again.get(path)?.content.equals(content)
  })
  return { files, secret: new Set(differs.map(([path]) => path)) }
}
