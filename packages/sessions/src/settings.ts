import {
  flag,
  functionOrNone,
  methodsOrNone,
  milliseconds,
  refuse,
  wholeNumber,
} from './options.js'
import type { SessionHandlerOptions } from './session-options.js'
import { tell } from './tell.js'

/** What was given, checked, and the defaults of the rest. */
export function settingsOf(options: SessionHandlerOptions) {
  const { requireSession = false, dangerouslyAllowAnonymous = false, allowDelete = true } = options
  const { maxSessions = 10_000, maxSessionsPerPrincipal = shareOf(maxSessions) } = options
  const { evictAfterMs = 60_000, idleMs = 1_800_000, maxAgeMs = 86_400_000 } = options
  const { maxStreamMs = 3_600_000, keepAliveMs = 15_000, maxBufferBytes = 1024 * 1024 } = options
  const { answerTimeoutMs = 300_000, resumeWithinMs = 30_000, maxDetachedCalls = 64 } = options
  const { retryMs = 1000, onError = () => {} } = options
  flag('requireSession', requireSession)
  flag('dangerouslyAllowAnonymous', dangerouslyAllowAnonymous)
  flag('allowDelete', allowDelete)
  wholeNumber('maxSessions', maxSessions, 'sessions')
  wholeNumber('maxSessionsPerPrincipal', maxSessionsPerPrincipal, 'sessions')
  wholeNumber('maxBufferBytes', maxBufferBytes, 'bytes')
  wholeNumber('maxDetachedCalls', maxDetachedCalls, 'calls', 0)
  milliseconds('evictAfterMs', evictAfterMs, 0)
  milliseconds('idleMs', idleMs)
  milliseconds('maxAgeMs', maxAgeMs)
  milliseconds('maxStreamMs', maxStreamMs)
  milliseconds('keepAliveMs', keepAliveMs, 0)
  milliseconds('answerTimeoutMs', answerTimeoutMs)
  milliseconds('resumeWithinMs', resumeWithinMs)
  milliseconds('retryMs', retryMs, 0)
  if (maxSessionsPerPrincipal > maxSessions)
    refuse(
      `maxSessionsPerPrincipal must not be more than maxSessions (${maxSessions}), got ${maxSessionsPerPrincipal}`,
    )
  if (maxAgeMs < idleMs) refuse(`maxAgeMs must be at least idleMs (${idleMs}), got ${maxAgeMs}`)
  for (const name of ['principalOf', 'wantsSession', 'onOpened', 'onClosed'] as const)
    functionOrNone(name, options[name])
  functionOrNone('onLimited', options.onLimited)
  functionOrNone('onError', options.onError)
  methodsOrNone('eventStore', options.eventStore, ['append', 'read', 'drop'])
  methodsOrNone('bus', options.bus, ['subscribe'])
  return {
    ...{ requireSession, dangerouslyAllowAnonymous, allowDelete },
    ...{ maxSessions, maxSessionsPerPrincipal, evictAfterMs, idleMs, maxAgeMs, maxStreamMs },
    ...{ keepAliveMs, maxBufferBytes, answerTimeoutMs, resumeWithinMs, maxDetachedCalls },
    retryMs: () => Math.round(retryMs * (1 + Math.random())),
    onError: (error: Error) => tell(() => onError(error)),
  }
}

/** One caller alone must not be able to take them all, however few there are. */
function shareOf(maxSessions: number): number {
  return Math.min(32, Math.max(1, Math.ceil(maxSessions / 2)))
}
