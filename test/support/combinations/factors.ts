import { createRequire } from 'node:module'
import { choices, type Selection, switches } from '../../../generators/dist/features.js'

// Required, since its default export is one thing to Node and another to Vitest.
const { make } = createRequire(import.meta.url)('covertable') as typeof import('covertable')

/** Every option of the command with its values. */
const factors: Record<string, readonly (string | boolean)[]> = {
  ...Object.fromEntries(Object.entries(choices).map(([name, { values }]) => [name, values])),
  ...Object.fromEntries(Object.keys(switches).map((name) => [name, [true, false]])),
}

/** Few servers, in which any two values of any two options are found together. The same ones each time. */
export function pairwise(): Selection[] {
  const lists = Object.fromEntries(
    Object.entries(factors).map(([name, values]) => [name, [...values]]),
  )
  return (make(lists) as Selection[]).map(inOrder)
}

/** Every server that there is: thousands. */
export function everything(): Selection[] {
  let rows: Record<string, string | boolean>[] = [{}]
  for (const [name, values] of Object.entries(factors))
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })))
  return rows as Selection[]
}

/** `auth=jwt`, `redis=true`, … */
export function valuesOf(row: Selection): string[] {
  return Object.entries(inOrder(row)).map(([name, value]) => `${name}=${value}`)
}

/** `auth=jwt redis=true`, for two options at a time. */
export function pairsOf(rows: readonly Selection[]): Set<string> {
  const pairs = new Set<string>()
  for (const row of rows) {
    const words = valuesOf(row)
    words.forEach((word, i) => {
      for (const other of words.slice(i + 1)) pairs.add(`${word} ${other}`)
    })
  }
  return pairs
}

/** As the command is given it. */
export function flagsOf(selection: Selection): string[] {
  return Object.entries(inOrder(selection)).flatMap(([name, value]) =>
    typeof value === 'string' ? [`--${name}`, value] : [value ? `--${name}` : `--no-${name}`],
  )
}

function inOrder(selection: Selection): Selection {
  const names = Object.keys(factors) as (keyof Selection)[]
  return Object.fromEntries(names.map((name) => [name, selection[name]])) as Selection
}
