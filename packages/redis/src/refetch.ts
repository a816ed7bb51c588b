import { setImmediate as immediate } from 'node:timers/promises'
import { type BusEvent, LISTS } from './events.js'

export interface RefetchOptions {
  subscribedUris: (() => Iterable<string>) | undefined
  report(error: unknown): void
  pass(event: BusEvent): void
  /** Told each time that everything is about to be told, with the reason. */
  onStart(reason: string): void
}

/** Milliseconds between two times: a link that comes and goes must not make all clients fetch without end. */
const APART_MS = 2_000
const MAX_NOTED = 1_000
const MAX_URIS = 10_000
const AT_A_TIME = 100

/** Tells subscribers that everything has changed, since nobody knows what they have missed. */
export function refetch({ subscribedUris, report, pass, onStart }: RefetchOptions) {
  const noted = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let due: string | undefined
  let isEnded = false

  function start(reason: string): void {
    if (isEnded) return
    due = reason
    if (!timer) turn()
  }

  function turn(): void {
    timer = undefined
    if (due === undefined) return
    timer = setTimeout(turn, APART_MS).unref()
    onStart(due)
    due = undefined
    for (const event of LISTS) pass(event)
    tellUris().catch(report)
  }

  async function tellUris(): Promise<void> {
    let told = 0
    for (const uri of subscribedUris?.() ?? [...noted]) {
      if (isEnded || told++ >= MAX_URIS) return
      pass({ kind: 'resource_updated', uri })
      if (told % AT_A_TIME === 0) await immediate()
    }
  }

  return {
    start,
    /** Remembers a resource that changes, for it may have changed meanwhile as well. */
    note(event: BusEvent): void {
      if (event.kind !== 'resource_updated' || subscribedUris) return
      noted.delete(event.uri)
      noted.add(event.uri)
      if (noted.size > MAX_NOTED) noted.delete(noted.values().next().value ?? '')
    },
    end(): void {
      isEnded = true
      clearTimeout(timer)
    },
  }
}
