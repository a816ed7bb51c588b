/** Who only watches must not decide how a request ends, neither at once nor later. */
export function tell(listener: () => unknown): void {
  try {
    Promise.resolve(listener()).catch(() => {})
  } catch {}
}
