import type { PolicyEvent } from '../src/index.js'

/** Work that never ends and listens to nothing. */
export const never = () => new Promise<never>(() => {})

export function failWith(error: unknown) {
  return () => Promise.reject(error)
}

/** What a network failure looks like. */
export const reset = () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })

/** A promise to be settled from outside. */
export function gate<T = void>() {
  let open: (value: T) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

/** What `promise` came to; asked for at once, so that no rejection is unhandled while clocks are turned. */
export function outcomeOf<T>(promise: Promise<T>) {
  return promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
}

export function recorder() {
  const events: PolicyEvent[] = []
  const types = () => events.map((event) => event.type)
  return { events, types, onEvent: (event: PolicyEvent) => void events.push(event) }
}
