export interface Command {
  /** As it is typed, with the lines that belong to it. */
  text: string
  /** Why no test runs it, where a comment before its block says so. */
  notRun?: string
}

/** The commands of a README that has them in indented blocks: each line at the block's edge begins one. */
export function commandsIn(markdown: string): Command[] {
  const commands: Command[] = []
  let isFenced = false
  let reason: string | undefined
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) isFenced = !isFenced
    const [, text] = /^ {4}(.*)$/.exec(line) ?? []
    if (isFenced || text === undefined) {
      const [, told] = /^<!-- not run: (.+) -->$/.exec(line) ?? []
      if (told !== undefined || line.trim() !== '') reason = told
      continue
    }
    const last = commands.at(-1)
    if (last && text.startsWith(' ')) last.text += `\n${text}`
    else commands.push({ text, ...(reason !== undefined && { notRun: reason }) })
  }
  return commands
}
