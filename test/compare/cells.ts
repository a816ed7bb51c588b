import { setTimeout as sleep } from 'node:timers/promises'

/** Cells by the row they belong to. */
export type Cells = Record<string, string>

const PROBE_MS = 120_000

/** Asks, and fills one row, or several from what is answered by their names. What fails or hangs is told in the cell. */
export async function fill(
  cells: Cells,
  rows: readonly string[],
  probe: () => Promise<string | Record<string, string>>,
): Promise<void> {
  const failed = (error: unknown) =>
    `probe failed: ${error instanceof Error ? error.message : error}`
  const late = sleep(PROBE_MS, `probe not done in ${PROBE_MS / 1000} s`, { ref: false })
  const told = await Promise.race([probe().catch(failed), late])
  for (const row of rows) cells[row] = typeof told === 'string' ? told : (told[row] ?? 'no answer')
}
