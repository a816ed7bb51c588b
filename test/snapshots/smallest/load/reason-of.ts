/** Why something failed, down to the first cause: fetch itself says only that it did. */
export function reasonOf(error: unknown): string {
  const reasons: string[] = []
  for (let each = error; each instanceof Error && reasons.length < 8; each = each.cause) {
    const code = 'code' in each && typeof each.code === 'string' ? each.code : ''
    const reason = each.message || code
    if (!reasons.some((known) => known.includes(reason))) reasons.push(reason)
  }
  return reasons.join(': ')
}
