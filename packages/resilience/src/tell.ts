import type { PolicyEvent, Tell } from './policy-options.js'

/** Nothing that a listener does, or fails to do, may change what the policy does. */
export function teller(
  policy: string,
  onEvent: ((event: PolicyEvent) => unknown) | undefined,
): Tell {
  return function tell(happening) {
    if (!onEvent) return
    try {
      const returned = onEvent({ policy, ...happening })
      // An async listener that fails would otherwise end the process.
      Promise.resolve(returned).catch(() => {})
    } catch {
      // Telling is all that a listener is for.
    }
  }
}
