import { duration, type Fault, integer } from '@mcp-prod/config'

export const sessionSettings = {
  MAX_SESSIONS: integer({ min: 2, max: 1_000_000, default: 2_000 }),
  MAX_SESSIONS_PER_PRINCIPAL: integer({ min: 1, max: 100_000, default: 32 }),
  SESSION_IDLE: duration({ min: '1s', max: '24h', default: '30m' }),
}

export type SessionConfig = { [Name in keyof typeof sessionSettings]: number }

/** What of them does not fit together, or with other settings. */
export function sessionFaults(config: { [name: string]: unknown }): Fault[] {
  const { MAX_SESSIONS, MAX_SESSIONS_PER_PRINCIPAL, WORKERS } = config
  const faults: Fault[] = []
  if (Number(MAX_SESSIONS_PER_PRINCIPAL) > Number(MAX_SESSIONS) / 2) {
    faults.push({
      name: 'MAX_SESSIONS_PER_PRINCIPAL',
      problem: `is ${MAX_SESSIONS_PER_PRINCIPAL} here, more than half of MAX_SESSIONS (${MAX_SESSIONS})`,
      remedy: 'lower it, or one principal could take all sessions there are',
    })
  }
  if (Number(WORKERS) > 1) {
    faults.push({
      name: 'WORKERS',
      problem: `is ${WORKERS} here, but a session lives in one process`,
      remedy: 'set WORKERS to 1 and run more replicas, or make the server without --sessions',
    })
  }
  return faults
}
