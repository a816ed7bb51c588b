/**
 * Calls a hook of the operator's. Who only watches must not decide how a request ends, nor end the process by a promise
 * that nobody awaits.
 */
export async function tell<Told extends unknown[]>(
  hook: (...told: Told) => unknown,
  ...told: Told
): Promise<void> {
  try {
    await hook(...told)
  } catch {}
}
