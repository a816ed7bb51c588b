import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../command.js'

/** What installing one package may bring, besides Express and what comes with that. */
export interface Budget {
  /** Packages in node_modules, itself included. */
  packages: number
  /** All their files. */
  megabytes: number
  /** Its own tarball. */
  packedKilobytes: number
  /** Packages, or scopes as `@scope/*`, that it has no use for. */
  never: string[]
}

export interface Measured {
  names: string[]
  bytes: number
  packedBytes: number
}

const file = join(root, 'test/budgets.json')
const isUpdate = process.env.UPDATE_BUDGETS === '1'

export async function readBudgets(): Promise<Record<string, Budget>> {
  return JSON.parse(await readFile(file, 'utf8'))
}

/** With `UPDATE_BUDGETS=1` what was measured is the new budget, with a tenth to spare; `never` stays as it is. */
export async function updateBudgets(measured: Map<string, Measured>): Promise<void> {
  if (!isUpdate) return
  const budgets = await readBudgets().catch(() => ({}) as Record<string, Budget>)
  for (const [name, { names, bytes, packedBytes }] of measured) {
    budgets[name] = {
      packages: names.length,
      megabytes: roundedUp((bytes / 1e6) * 1.1, 100),
      packedKilobytes: roundedUp((packedBytes / 1e3) * 1.1, 1),
      never: budgets[name]?.never ?? [],
    }
  }
  const sorted = Object.entries(budgets).sort(([a], [b]) => a.localeCompare(b))
  await writeFile(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
}

/** What is over the budget, in words; nothing when all is well. */
export function overBudget(measured: Measured, budget?: Budget): string[] {
  if (budget === undefined) return isUpdate ? [] : ['it has no budget in test/budgets.json']
  const { names } = measured
  const isNever = (name: string) =>
    budget.never.some((never) =>
      never.endsWith('/*') ? name.startsWith(never.slice(0, -1)) : name === never,
    )
  const unwanted = names.filter(isNever).map((name) => `${name}, for which it has no use`)
  return isUpdate ? unwanted : [...unwanted, ...excess(measured, budget)]
}

function excess({ names, bytes, packedBytes }: Measured, budget: Budget): string[] {
  const { packages, megabytes, packedKilobytes } = budget
  return [
    ...(names.length > packages ? [`${names.length} packages, not ${packages}: ${names}`] : []),
    ...(bytes > megabytes * 1e6 ? [`${bytes / 1e6} MB, not ${megabytes}`] : []),
    ...(packedBytes > packedKilobytes * 1e3
      ? [`${packedBytes / 1e3} kB packed, not ${packedKilobytes}`]
      : []),
  ]
}

function roundedUp(value: number, parts: number): number {
  return Math.ceil(value * parts) / parts
}
