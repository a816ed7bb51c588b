// One for the process, since V8 has one profiler: two routers do not make two.
let endsAt: number | undefined

/** @returns what gives the slot back; or, while another has it, the seconds until it should be free. */
export function takeSlot(seconds: number): (() => void) | number {
  if (endsAt !== undefined) return Math.max(1, Math.ceil((endsAt - performance.now()) / 1000))
  endsAt = performance.now() + seconds * 1000
  return function release() {
    endsAt = undefined
  }
}
