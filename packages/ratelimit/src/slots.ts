/** What a request needs to run: all of it or nothing. */
export interface Claim {
  principal: string
  /** Most calls of this principal at once. */
  principalCap: number
  /** Calls it makes, one or more. */
  calls: number
  /** Of these, the calls of each tool that has a cap. */
  tools: ReadonlyMap<string, { calls: number; cap: number }>
}

/** What stands in a request's way. */
export interface Bound {
  /** Whose cap it is; without a `limit`, whose calls keep the event loop busy. */
  scope: 'process' | 'principal' | 'tool'
  /** Calls that the cap lets run at once. */
  limit?: number
  /** Whose, in the scope `tool`. */
  tool?: string
}

export interface Slots {
  readonly running: number
  /** How many principals and tools hold a slot. */
  readonly holders: number
  /** What keeps a request from running now. A principal's own cap is named first: it is what that caller can change. */
  blockerOf(claim: Claim): Bound | undefined
  /** What a request exceeds even when nothing else runs. */
  tooLargeFor(claim: Claim): Bound | undefined
  take(claim: Claim): void
  give(claim: Claim): void
}

const NOTHING: ReadonlyMap<string, number> = new Map()

/** Counts what runs, in all, for each principal and of each tool with a cap. Who holds nothing leaves no trace. */
export function createSlots(limit: number): Slots {
  const principals = new Map<string, number>()
  const tools = new Map<string, number>()
  let running = 0

  function exceeded(
    claim: Claim,
    all: number,
    ofPrincipals: ReadonlyMap<string, number>,
    ofTools: ReadonlyMap<string, number>,
  ): Bound | undefined {
    const { principal, principalCap, calls } = claim
    if ((ofPrincipals.get(principal) ?? 0) + calls > principalCap) {
      return { scope: 'principal', limit: principalCap }
    }
    if (all + calls > limit) return { scope: 'process', limit }
    for (const [tool, asked] of claim.tools) {
      if ((ofTools.get(tool) ?? 0) + asked.calls > asked.cap) {
        return { scope: 'tool', limit: asked.cap, tool }
      }
    }
    return undefined
  }

  function count(claim: Claim, sign: 1 | -1): void {
    running += sign * claim.calls
    add(principals, claim.principal, sign * claim.calls)
    for (const [tool, { calls }] of claim.tools) add(tools, tool, sign * calls)
  }

  return {
    get running() {
      return running
    },
    get holders() {
      return principals.size + tools.size
    },
    blockerOf: (claim) => exceeded(claim, running, principals, tools),
    tooLargeFor: (claim) => exceeded(claim, 0, NOTHING, NOTHING),
    take: (claim) => count(claim, 1),
    give: (claim) => count(claim, -1),
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const left = (counts.get(key) ?? 0) + change
  if (left > 0) counts.set(key, left)
  else counts.delete(key)
}
