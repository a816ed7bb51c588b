import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../command.js'
import { checked } from '../monitoring/rendered.js'

interface Typed {
  apiVersion: string
  kind: string
}

/** Kinds that kubernetes-models does not know. */
const OWN = ['HTTPRoute', 'PodMonitor', 'PrometheusRule']
const OPTIONS = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    skipLibCheck: true,
    types: [],
  },
}

/**
 * What is wrong with objects by their schemas. kubernetes-models looks at types and required fields and lets unknown
 * ones pass; those the compiler finds, for which each object is written down as a literal of its interface.
 */
export async function schemaFaults(objects: readonly object[], name: string): Promise<string[]> {
  const typed = objects as readonly Typed[]
  const faults: string[] = []
  for (const one of typed) {
    if (OWN.includes(one.kind)) continue
    const { [one.kind]: Model } = await import(moduleOf(one))
    try {
      new Model(one).validate()
    } catch (error) {
      faults.push(`${one.kind}: ${(error as Error).message}`)
    }
  }
  return [...faults, ...(await compilerFaults(typed, name))]
}

/** Within this clone, where the compiler finds the interfaces. */
async function compilerFaults(objects: readonly Typed[], name: string): Promise<string[]> {
  const folder = join(root, 'node_modules', '.cache', `mcp-prod-schema-${name}`)
  await mkdir(folder, { recursive: true })
  const lines = objects.map((one, index) => {
    const type = `import('${moduleOf(one)}').I${one.kind}`
    return `export const object${index}: ${type} = ${JSON.stringify(one, null, 2)}\n`
  })
  await writeFile(join(folder, 'objects.mts'), lines.join(''))
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(OPTIONS))
  const { ok, said } = checked('npx', ['tsc', '-p', '.', '--pretty', 'false'], folder)
  return ok ? [] : said.trim().split('\n')
}

function moduleOf({ apiVersion, kind }: Typed): string {
  if (OWN.includes(kind)) return join(root, 'test/support/kubernetes/crds.ts').replace(/ts$/, 'js')
  return `kubernetes-models/${apiVersion}/${kind}`
}
