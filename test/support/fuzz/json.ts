/** JSON text that no value stands for, such as `1e999` or a list a thousand levels deep. */
export class Raw {
  constructor(readonly text: string) {}
}

/** The members of an object in order, in which a name may come twice. */
export class Members {
  constructor(readonly entries: readonly (readonly [name: string, value: unknown])[]) {}
}

/** Leads to a value: the position of each item or member on the way. */
export type Path = readonly number[]

/** A plain value in the form that is mutated and written here. */
export function treeOf(value: unknown): unknown {
  if (value instanceof Raw || value instanceof Members) return value
  if (Array.isArray(value)) return value.map(treeOf)
  if (typeof value !== 'object' || value === null) return value
  return new Members(Object.entries(value).map(([name, item]) => [name, treeOf(item)]))
}

export function write(value: unknown): string {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (!(value instanceof Members)) return JSON.stringify(value) ?? 'null'
  return `{${value.entries.map(([name, item]) => `${JSON.stringify(name)}:${write(item)}`).join(',')}}`
}

/** Every value in a value, itself included. */
export function pathsOf(value: unknown, path: Path = []): Path[] {
  return [path, ...childrenOf(value).flatMap((child, i) => pathsOf(child, [...path, i]))]
}

export function changeAt(value: unknown, path: Path, change: (old: unknown) => unknown): unknown {
  const [first, ...others] = path
  if (first === undefined) return change(value)
  const replace = (child: unknown, i: number) =>
    i === first ? changeAt(child, others, change) : child
  if (Array.isArray(value)) return value.map(replace)
  if (!(value instanceof Members)) return value
  return new Members(value.entries.map(([name, child], i) => [name, replace(child, i)]))
}

const NAMING = new Set([
  ...['id', 'method', 'name', 'uri', 'taskId', 'requestId', 'progressToken', 'protocolVersion'],
  ...['cursor', 'version', 'jsonrpc', 'ref', 'io.modelcontextprotocol/protocolVersion'],
])

/** Changes every text and number by which the protocol names something. */
export function changeNames(value: unknown, change: (name: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => changeNames(item, change))
  if (!(value instanceof Members)) return value
  const entries = value.entries.map(([name, child]) => {
    const isName = NAMING.has(name) && childrenOf(child).length === 0
    return [name, isName ? change(child) : changeNames(child, change)] as const
  })
  return new Members(entries)
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return value instanceof Members ? value.entries.map(([, child]) => child) : []
}
