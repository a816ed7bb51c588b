import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Example {
  heading: string
  code: string
}

export interface Command {
  text: string
  /** Why no test runs it, as the line before it says. */
  notRun: string | undefined
}

export interface Readme {
  text: string
  /** The line below `## Install`, and what it names. */
  install: string
  installed: string[]
  /** Every TypeScript block; the first below `## Use` is the main one. */
  examples: Example[]
  /** Every other command, indented or fenced as `sh`. */
  commands: Command[]
}

/** The README of an installed package taken apart. @throws Error when it has no Install line or no example. */
export async function readmeOf(name: string, folder: string): Promise<Readme> {
  const path = join(folder, 'node_modules/@mcp-prod', name, 'README.md')
  const text = await readFile(path, 'utf8')
  const [, install] = /^## Install\n\n {4}(npm install .+)\n\n## Use$/m.exec(text) ?? []
  const examples = examplesOf(text)
  if (install === undefined || examples.length === 0)
    throw new Error(`${name}: no line to install it below "## Install", or no example`)
  const commands = commandsOf(text).filter((command) => command.text !== install)
  return { text, install, installed: install.split(' ').slice(2), examples, commands }
}

/** The packages that a piece of code imports. */
export function importsOf(code: string): string[] {
  const names = [...code.matchAll(/\bfrom '([^.'][^']*)'/g)]
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1))
  return [...new Set(names.map((parts) => parts.join('/')))]
}

/** CommonJS knows no `await` outside of functions, and the SDK has a build and types of its own for it. */
export function isOnlyEsm({ code }: Example): boolean {
  return (
    /^(?:(?:const|let) .* = )?await /m.test(code) ||
    importsOf(code).includes('@modelcontextprotocol/server')
  )
}

function examplesOf(text: string): Example[] {
  const examples: Example[] = []
  let heading = ''
  for (const [, title, code] of text.matchAll(/^#+ (.+)$|^```ts\n((?:.*\n)*?)```$/gm)) {
    if (title !== undefined) heading = title
    if (code !== undefined) examples.push({ heading, code })
  }
  return examples
}

/** Blocks of four spaces that stand apart, and fenced ones of a shell; fences of answers and code are none. */
function commandsOf(text: string): Command[] {
  const commands: Command[] = []
  let fence: string | undefined
  let before = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) {
      fence = fence === undefined ? line.slice(3) : undefined
    } else if (fence === undefined ? line.startsWith('    ') : /^(sh|bash|shell)$/.test(fence)) {
      const [, notRun] = /^<!-- not run: (.+) -->$/.exec(before) ?? []
      commands.push({ text: line.trim(), notRun })
    } else if (fence === undefined && line.trim() !== '') {
      before = line
    }
  }
  return commands
}
