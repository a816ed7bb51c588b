import type { Features } from './features.js'

const feature = String.raw`\+[a-z][a-z0-9-]*`
const marker = new RegExp(
  String.raw`^([^\n]*?)(?:^|[ \t]+)(?:\/\/|#|<!--)[ \t]+(${feature}(?:[ \t]+${feature})*)[ \t]*(?:-->)?[ \t]*(\r?\n?)$`,
)

const wholeFile = new RegExp(String.raw`^(?:\/\/|#|<!--)[ \t]+(${feature})[ \t]*(?:-->)?\r?\n`)

/** The text without the marker of its first line, if that line is nothing else; undefined when the feature is off. */
export function applyFileMarker(
  text: string,
  features: Features,
  where: string,
): string | undefined {
  const [line, name = ''] = wholeFile.exec(text) ?? []
  if (line === undefined) return text
  known(name.slice(1), features, `${where}:1`)
  return features[name.slice(1)] ? text.slice(line.length) : undefined
}

function known(name: string, features: Features, where: string): void {
  if (!Object.hasOwn(features, name)) throw new Error(`${where}: marker +${name} names no feature`)
}

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
      for (const name of names) known(name, features, `${where}:${index + 1}`)
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
