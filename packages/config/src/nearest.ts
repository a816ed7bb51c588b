/** The candidate most like `text`: at most two slips away (one in a short word), case apart. */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  const word = text.toUpperCase()
  let most = word.length > 5 ? 2 : 1
  let found: string | undefined
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > most) continue
    const slips = slipsBetween(word, candidate.toUpperCase())
    if (slips > most || (slips === most && found !== undefined)) continue
    most = slips
    found = candidate
  }
  return found
}

/** Letters added, left out, changed or swapped with their neighbour (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let slips = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        slips = Math.min(slips, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(slips)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
