/** Faults of whoever put the server together; a client that could bring them about would send its operator astray. */
const BLAMES_ASSEMBLY = /ERR_[A-Z]+_(?:ORDER|OPTION|INSTALLED|BODY_CONSUMED|TRUST_PROXY)/
const MAX_LINE_CHARS = 70_000
/** What a terminal would obey, or a reader take for the end of the line. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e]/u

/** What is wrong with the lines of a log, each kind once. Nothing that a client sends is an error of the server's. */
export function logFaults(
  lines: readonly string[],
  secretIn: (text: string) => string | undefined,
): string[] {
  const found = new Map<string, string[]>()
  for (const line of lines) {
    const problem = problemOf(line, secretIn)
    if (problem) found.set(problem, [...(found.get(problem) ?? []), line])
  }
  return [...found].map(
    ([problem, [first = '', ...others]]) =>
      `${problem}: ${first.slice(0, 1500)}\n  and ${others.length} more lines`,
  )
}

/** Lines of stderr but those that say that the process got no CPU: that is the machine, not the server. */
export function ownErrors(lines: readonly string[]): string[] {
  return lines.filter((line) => {
    const { message, durationMs, cpuMs } = parsed(line)
    return message !== 'event loop blocked' || Number(cpuMs) > Number(durationMs) / 2
  })
}

function problemOf(
  line: string,
  secretIn: (text: string) => string | undefined,
): string | undefined {
  const secret = secretIn(line)
  if (secret) return `a secret, ${secret}`
  if (line.length > MAX_LINE_CHARS) return 'a line that is too long'
  if (UNSAFE.test(line)) return 'a control character'
  if (BLAMES_ASSEMBLY.test(line)) return 'blames the assembly of the server for what a client did'
  const { level, message, time, log } = parsed(line)
  if (typeof time !== 'string' || (typeof message !== 'string' && log !== 'audit'))
    return 'not a line of the log'
  if (level === 'error') return `an error, "${message}"`
  // Node's own warnings, of listeners that pile up; lines that nobody can judge any more.
  if (/^process warning$|lines dropped$/.test(String(message))) return String(message)
  return undefined
}

function parsed(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line))
  } catch {
    return {}
  }
}
