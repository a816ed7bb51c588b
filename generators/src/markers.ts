import type { Features } from './features.js'

const feature = String.raw`\+[a-z][a-z0-9-]*`
const marker = new RegExp(
  String.raw`^([^\n]*?)(?:^|[ \t]+)(?:\/\/|#|<!--)[ \t]+(${feature}(?:[ \t]+${feature})*)[ \t]*(?:-->)?[ \t]*(\r?\n?)$`,
)

/**
 * Keeps or drops the lines that end in a marker such as `// +stdio`. A line with several features is kept when
 * all of them are on. Blank lines that meet where a line was dropped become one. A text without a marker comes
 * back as it is.
 *
 * @throws Error for a feature nobody knows, naming `where` and the line.
 */
export function applyMarkers(text: string, features: Features, where: string): string {
  const output: string[] = []
  const blankAt = (index: number) => output[index]?.trim() === ''
  let dropped = false
  for (const [index, line] of (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).entries()) {
    const found = marker.exec(line)
    if (found) {
      const names = (found[2] ?? '').split(/[ \t]+/).map((name) => name.slice(1))
      const unknown = names.find((name) => !Object.hasOwn(features, name))
      if (unknown) throw new Error(`${where}:${index + 1}: marker +${unknown} names no feature`)
      dropped = !names.every((name) => features[name])
      if (!dropped) output.push(`${found[1]?.trimEnd()}${found[3]}`)
      else while (blankAt(output.length - 1) && blankAt(output.length - 2)) output.pop()
    } else if (dropped && line.trim() === '') {
      // Of a gap's two halves one stands.
      if (output.length > 0 && !blankAt(output.length - 1)) output.push(line)
    } else {
      dropped = false
      output.push(line)
    }
  }
  while (dropped && blankAt(output.length - 1)) output.pop()
  return output.join('')
}
