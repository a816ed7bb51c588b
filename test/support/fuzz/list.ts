/** Values apart by `|`, which none of them holds. */
export function list(...lines: string[]): string[] {
  return lines.flatMap((line) => line.split('|'))
}
