import type { Block } from './markdown.js'

/** Each way to say where a block goes: the sentence before it, and which lines it leaves around what it names. */
const places = [
  { sentence: /^After `(.+)`:$/, kept: 1, head: 1, tail: true },
  { sentence: /^Before `(.+)`:$/, kept: 0, head: 0, tail: true },
  { sentence: /^In place of `(.+)` and all below:$/, kept: 1, head: 0, tail: false },
  { sentence: /^In place of `(.+)`:$/, kept: 1, head: 0, tail: true },
]

/** Does to a file what a reader would. @throws Error when the line that is named is missing or there twice. */
export function apply(source: string, { before, line, text }: Block): string {
  if (before === 'At the top:') return `${text}\n${source}`
  for (const { sentence, head, kept, tail } of places) {
    const anchor = sentence.exec(before)?.[1]
    if (anchor === undefined) continue
    const lines = source.split('\n')
    const found = lines.flatMap((each, index) => (each.trim() === anchor ? [index] : []))
    const [at] = found
    if (at === undefined || found.length > 1)
      throw new Error(`line ${line}: \`${anchor}\` is ${found.length} times in the file`)
    const rest = tail ? lines.slice(at + kept) : []
    return [...lines.slice(0, at + head), text, ...rest].join('\n')
  }
  throw new Error(`line ${line}: the sentence before it does not say where it goes: ${before}`)
}

/** The numbers of the steps that one builds on, as its first sentence says it. */
export function needsOf(section: string): number[] {
  const sentence = /^Builds on (.+?)\./m.exec(section)?.[1] ?? ''
  return [...sentence.matchAll(/\d/g)].map(([digit]) => Number(digit))
}
