import type { Call } from './calls.js'
import type { Line } from './line.js'

/**
 * What became of a request. `answered`: wholly and rightly. `refused`: its connection was. `waiting`: its connection was never
 * accepted, but waited in the kernel when the listening socket closed. `closed`: it was never sent whole, and the server
 * ended its connection. The others are failures.
 */
export type Verdict =
  | 'answered'
  | 'refused'
  | 'waiting'
  | 'closed'
  | 'reset'
  | 'truncated'
  | 'wrong'

export interface Outcome {
  verdict: Verdict
  /** The client's port. */
  port?: number | undefined
  detail?: string
}

/** Waits for the end of the connection: every call must have its answer by then. */
export async function judge(line: Line, calls: Call[]): Promise<Outcome[]> {
  const { end, rest, malformed } = await line.ended
  const port = line.port()
  const answers = line.answers()
  if (end === 'refused') return [{ verdict: 'refused' }]
  if (malformed) return [{ verdict: 'wrong', port, detail: malformed }]
  if (answers.length > calls.length) return [{ verdict: 'wrong', port, detail: 'one too many' }]
  if (calls.length === 0) return [{ verdict: 'closed', port }]
  const outcomes = calls.map((call, i): Outcome => {
    const answer = answers[i]
    const missing = rest > 0 ? 'truncated' : 'reset'
    if (!answer) return { verdict: missing, port, detail: `${end}, ${rest} bytes` }
    const detail = call.faultOf(answer)
    return detail ? { verdict: 'wrong', port, detail } : { verdict: 'answered', port }
  })
  const last = outcomes.at(-1)
  // Whoever has not read the answer yet would lose it.
  if (end === 'reset' && last?.verdict === 'answered') last.verdict = 'reset'
  return outcomes
}
