/** A fenced block of a document, and what stands around it. */
export interface Block {
  /** `sh`, `js`, `text`, … */
  language: string
  text: string
  /** The last line of prose or comment before it, '' when another block stands directly before. */
  before: string
  /** The heading above it. */
  heading: string
  /** The number of its first line. */
  line: number
}

/** Every fenced block of a document, in order. @throws Error when a fence is not closed. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; language: string; line: number; lines: string[] } | undefined
  let before = ''
  let heading = ''
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^(`{3,})(\w*)/.exec(line)
    if (open) {
      if (line.trim() !== open.fence) {
        open.lines.push(line)
        continue
      }
      const { language, lines } = open
      blocks.push({ language, text: lines.join('\n'), before, heading, line: open.line })
      open = undefined
      before = ''
    } else if (fence) {
      open = { fence: fence[1] ?? '', language: fence[2] ?? '', line: index + 1, lines: [] }
    } else if (line.trim() !== '') {
      before = line
      if (line.startsWith('#')) heading = line.replace(/^#+ /, '')
    }
  }
  if (open) throw new Error(`the block that begins in line ${open.line} is not closed`)
  return blocks
}

/** Why a block is run by no test; undefined when it must be. */
export function notRun(block: Block): string | undefined {
  return /^<!-- not run: (.+) -->$/.exec(block.before)?.[1]
}
