const part = '(?:0|[1-9][0-9]{0,9})'
const label = '(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)'
const semver = new RegExp(`^(${part})\\.(${part})\\.(${part})(?:-(${label}(?:\\.${label})*))?$`)

/** Whether this is a version as packages have them, and nothing that npm would read as anything else. */
export function isVersion(text: string): boolean {
  return text.length <= 64 && semver.test(text)
}

/** Below zero when `a` is the older, by semver: `1.0.0-canary.2`, `1.0.0-canary.10`, `1.0.0`. */
export function compareVersions(a: string, b: string): number {
  const [, ...left] = semver.exec(a) ?? []
  const [, ...right] = semver.exec(b) ?? []
  for (const index of [0, 1, 2]) {
    const difference = Number(left[index]) - Number(right[index])
    if (difference !== 0) return difference
  }
  return compareLabels(left[3], right[3])
}

function compareLabels(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  const left = a.split('.')
  const right = b.split('.')
  for (const [index, one] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    if (one !== other) return compareIdentifiers(one, other)
  }
  return left.length - right.length
}

/** Numbers by their size and before words. */
function compareIdentifiers(a: string, b: string): number {
  const numeric = (text: string) => /^[0-9]+$/.test(text)
  if (numeric(a) && numeric(b)) return BigInt(a) < BigInt(b) ? -1 : 1
  if (numeric(a) !== numeric(b)) return numeric(a) ? -1 : 1
  return a < b ? -1 : 1
}
