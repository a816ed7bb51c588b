const MAX_CAUSES = 4
const MAX_LENGTH = 300
/** So that no text costs much; what is shown of it ends long before. */
const MAX_READ = 10_000
/** The user information of a URL, also when what is in it should have been escaped. */
const CREDENTIALS = /\/\/\S*@/g
/** Whatever would break the line, or write to a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g

/** Why something failed, in one line that may go to a log: with its causes, without credentials of URLs. */
export function faultLine(error: unknown): string {
  const texts: string[] = []
  let current = error
  for (let depth = 0; depth < MAX_CAUSES && current !== undefined && current !== null; depth++) {
    const text = textOf(current)
    if (!texts.some((known) => known.includes(text))) texts.push(text)
    current = (current as { cause?: unknown }).cause
  }
  const line = (texts.join(': ') || 'unknown error')
    .slice(0, MAX_READ)
    .replace(CONTROL, ' ')
    .replace(CREDENTIALS, '//[hidden]@')
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line
}

function textOf(error: unknown): string {
  if (typeof error === 'object' && !(error instanceof Error)) return 'failed without an Error'
  if (!(error instanceof Error)) return String(error)
  // Node's error for a host with several addresses has no text of its own.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  const { code } = error as { code?: unknown }
  return error.message || (inner instanceof Error && inner.message) || String(code ?? error.name)
}
