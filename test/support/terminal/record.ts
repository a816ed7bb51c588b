import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openTerminal, type Terminal } from '../../../generators/test/support/terminal.js'
import { root } from '../command.js'

const page = join(root, 'docs/terminal.md')

/** The recordings, by the heading that they stand under in docs/terminal.md. */
export interface Recordings {
  [heading: string]: string
}

/** Records every session anew: what a person sees who types these keys. */
export async function record(env: NodeJS.ProcessEnv): Promise<Recordings> {
  // Only the first time npx asks whether it may fetch the command; not every npm remembers the answer.
  const fetched = { ...env, npm_config_yes: 'true' }
  return {
    'Create a server': await session(env, create),
    'Answer nothing': await session(fetched, answerNothing),
    'Leave with Ctrl-C': await session(fetched, leave),
    'See what would be written': await session(fetched, dryRun),
  }
}

async function create(terminal: Terminal): Promise<void> {
  await type(terminal, 'npx create-mcp-prod')
  await terminal.see('Ok to proceed? (y)')
  terminal.press('y', 'Enter')
  // npx fetches it first.
  await terminal.see(/Directory \(my-server\)/, 300_000)
  terminal.press('orders', 'Enter')
  await terminal.see('npm name (orders)')
  terminal.press('@acme/orders', 'Enter')
  for (const [question, key] of [
    ['HTTP API', 'Enter'],
    ['over stdio', 'n'],
    ['PostgreSQL', 'y'],
    ['limits shared in Redis', 'Enter'],
    ['OpenTelemetry', 'Enter'],
    ['sessions', 'Enter'],
  ] as const) {
    await terminal.see(question)
    terminal.press(key, ...(key === 'Enter' ? [] : ['Enter']))
  }
  await terminal.see('❯ apikey')
  terminal.press('Down')
  await terminal.see('❯ jwt')
  terminal.press('Enter')
  for (const question of ['❯ v2', '❯ github', '❯ kubernetes']) {
    await terminal.see(question)
    terminal.press('Enter')
  }
}

async function answerNothing(terminal: Terminal): Promise<void> {
  await type(terminal, 'npx create-mcp-prod my-server --yes --no-install')
}

async function leave(terminal: Terminal): Promise<void> {
  await type(terminal, 'npx create-mcp-prod my-server --yes')
  await terminal.see(/install +\.\.\. /, 300_000)
  terminal.press('C-c')
  // The shell does not go on in a line that Ctrl-C ended.
  await terminal.see(/\n\$$/)
  terminal.press('echo exit code $?; ls', 'Enter')
  await terminal.see(/exit code \d/)
}

async function dryRun(terminal: Terminal): Promise<void> {
  await type(terminal, 'npx create-mcp-prod my-server --yes --dry-run | tail -n 6')
}

async function type(terminal: Terminal, line: string): Promise<void> {
  terminal.press('clear', 'Enter')
  // What is typed before the prompt is there stands on the screen twice.
  await terminal.see(/^\s*\$$/)
  terminal.press(line, 'Enter')
}

/** A window of 100 columns, from the first prompt of the shell to the second. */
async function session(
  env: NodeJS.ProcessEnv,
  keys: (terminal: Terminal) => Promise<void>,
): Promise<string> {
  const terminal = openTerminal({ columns: 100, env })
  await keys(terminal)
  await terminal.see(/\n\$$/, 900_000)
  const screen = terminal
    .screen()
    .replaceAll(terminal.place, '/home/you')
    // Said where this machine is slow, and not elsewhere.
    .replace(/^npm warn Unknown env config.*\n.*supported config options\.\n/gm, '')
    .replace(/\n\n {2}npm install takes long.*?removes them\.\n\n/s, '\n')
  terminal.close()
  return screen
    .replace(/\n\$$/, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Without what differs from run to run and with every change of a template: times, sizes, versions. */
export function lasting(recording: string): string {
  return recording
    .replace(/ +\d+(\.\d)? s$/gm, ' N s')
    .replace(/^ +\d+ {2}(?=\S)/gm, 'N  ')
    .replace(/\d+ (?=files|kB|packages)/g, 'N ')
    .replace(/(?<=create-mcp-prod@)\S+/g, 'N')
}

/** The recordings of the page, by heading. */
export async function recorded(): Promise<Recordings> {
  const text = await readFile(page, 'utf8')
  const found = text.matchAll(/^## ([^\n]*)\n[^#]*?```text\n(.*?)\n?```$/gms)
  return Object.fromEntries([...found].map(([, heading, recording]) => [heading, recording ?? '']))
}

/** Puts recordings in the place of those that the page has. */
export async function rewrite(recordings: Recordings): Promise<void> {
  const text = await readFile(page, 'utf8')
  const pattern = /^(## ([^\n]*)\n[^#]*?```text\n).*?\n?(```)$/gms
  await writeFile(
    page,
    text.replace(pattern, (all, before: string, heading: string, after: string) =>
      heading in recordings ? `${before}${recordings[heading]}\n${after}` : all,
    ),
  )
}
