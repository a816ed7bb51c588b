import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runs } from '../command.js'

/** Pinned: a later one may ask for more. It needs Node 22 or newer, whatever runs this. */
const SUITE = '@modelcontextprotocol/conformance@0.2.0-alpha.12'
const NODE = 'node@24'

/** A revision of the specification whose required scenarios are frozen. */
export type Requirements = '2026-07-28' | '2025-11-25'

export interface Scenario {
  name: string
  passed: boolean
  /** Whether the revision requires it; the suite runs some more. */
  scored: boolean
}

/** Runs every scenario that a revision requires of a server. @throws Error with what the suite printed, when it came to no summary. */
export async function conformance(url: URL, requirements: Requirements): Promise<Scenario[]> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  const args = ['-y', '-p', NODE, '-p', SUITE, 'conformance', 'server', '--url', url.href]
  const asked = [...args, '--requirements', requirements, '-o', folder]
  const { output } = await runs('npx', asked, folder).finally(() =>
    rm(folder, { recursive: true, force: true }),
  )
  const [, summary, unscored = ''] = output.split(/=== SUMMARY ===|\nNot scored for /)
  if (summary === undefined) throw new Error(`the suite came to no summary:\n${output}`)
  const extra = new Set([...unscored.matchAll(/^ {2}[✓✗] (\S+) \(/gm)].map(([, name]) => name))
  return [...summary.matchAll(/^([✓✗]) (\S+): \d+ passed, \d+ failed/gm)].map(
    ([, mark, name = '']) => ({ name, passed: mark === '✓', scored: !extra.has(name) }),
  )
}
