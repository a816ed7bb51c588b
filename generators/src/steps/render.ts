import type { Context } from '../context.js'
import { usage } from '../errors.js'
import { parseObject } from '../json.js'
import {
  developmentClient,
  developmentKey,
  developmentPassword,
  developmentStateKey,
} from '../key.js'
import { addKit } from '../kit.js'
import { originPath, originText } from '../origin.js'
import { type Files, renderProject } from '../render.js'
import { ownVersion } from '../source.js'

/** The files in memory, the kit's packages with them. */
export async function render(context: Context): Promise<void> {
  const { plan, source, signal } = context
  const values = {
    ...developmentKey(),
    ...developmentClient(),
    ...developmentPassword(),
    ...developmentStateKey(),
  }
  const { name } = plan
  // Nobody's choice, but templates may have lines for it: whether the kit's packages lie in vendor/.
  const features = { ...plan.features, vendor: source.kit.kind !== 'registry' }
  context.files = await renderProject({ name, features, templates: source.templates, values })
  const manifest = parseObject(
    context.files.get('package.json')?.content.toString() ?? '',
    'package.json',
  )
  if (
    Object.keys({ ...Object(manifest.dependencies), ...Object(manifest.devDependencies) }).includes(
      name,
    )
  ) {
    throw usage(`name "${name}" is a package the project depends on: give another --name`)
  }
  const origin = { version: await ownVersion(), name, options: plan.options }
  context.files = withFile(context.files, originPath, originText(origin))
  await addKit(context.files, source.kit, signal)
}

function withFile(files: Files, path: string, text: string): Files {
  const entries = [...files, [path, { content: Buffer.from(text), mode: 0o644 }] as const]
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
