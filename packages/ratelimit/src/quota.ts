import { fault, isRecord, isWhole } from './options.js'

/** How much passes in which time. */
export interface Quota {
  /** How many pass at once, and again in each `windowMs`. */
  limit: number
  /** Milliseconds in which a used-up quota is whole again. @default that of the principal */
  windowMs?: number
}

/** Quotas by the names of your tools, or whatever else `toolOf` names; whatever else a caller names is not counted apart. */
export type ToolLimits = Readonly<Record<string, Quota>>

/** What one principal has in place of the limiter's own options; what is left out stays as it is there. */
export interface Plan extends Partial<Quota> {
  /** Of these tools; the others keep what the limiter's own `toolLimits` say. */
  toolLimits?: ToolLimits
}

export interface Base extends Required<Quota> {
  toolLimits: ToolLimits | undefined
}

export interface Quotas {
  principal: Required<Quota>
  /** Whether any tool has a quota of its own. */
  anyTool: boolean
  /** The one of this tool; the name may be any text. */
  ofTool(name: string): Required<Quota> | undefined
}

/** Names go into header fields and keys: these are the ones that MCP allows tools to have, after the kind of what is no tool. */
const TOOL_NAME = /^(?:[a-z]{1,8}:)?[\w./-]{1,128}$/

/**
 * What limits a principal that has this plan.
 * @throws TypeError `ERR_RATELIMIT_PLAN` for a wrong one.
 */
export function quotasOf(plan: Plan | undefined, base: Base): Quotas {
  if (plan !== undefined) refuse('planOf must return a plan or undefined; it', wrongPlan(plan))
  const { limit = base.limit, windowMs = base.windowMs, toolLimits } = plan ?? {}
  return {
    principal: { limit, windowMs },
    anyTool: toolLimits !== undefined || base.toolLimits !== undefined,
    ofTool(name) {
      const own = find(toolLimits, name)
      if (own) refuse(`toolLimits of a plan: ${name}`, wrongTool(name, own))
      const quota = own ?? find(base.toolLimits, name)
      return quota && { limit: quota.limit, windowMs: quota.windowMs ?? windowMs }
    },
  }
}

/** Nothing that a name such as `__proto__` finds elsewhere is a quota. */
function find(limits: ToolLimits | undefined, name: string): Quota | undefined {
  return limits && Object.hasOwn(limits, name) ? limits[name] : undefined
}

/** What is wrong with quotas of tools, or undefined. */
export function wrongToolLimits(limits: unknown): string | undefined {
  if (!isRecord(limits)) return `must be an object of quotas by tool, got ${String(limits)}`
  for (const [name, quota] of Object.entries(limits)) {
    const wrong = wrongTool(name, quota)
    if (wrong) return `has for ${name} what ${wrong}`
  }
  return undefined
}

function wrongTool(name: string, quota: unknown): string | undefined {
  if (!TOOL_NAME.test(name))
    return 'is no name of a tool: 1 to 128 of A-Z a-z 0-9 _ - . /, perhaps after a kind such as prompt:'
  if (!isRecord(quota) || quota.limit === undefined) return 'must be { limit, windowMs? }'
  return wrongQuota(quota)
}

function wrongPlan(plan: unknown): string | undefined {
  // A promise would pass for a plan that leaves everything out.
  if (!isRecord(plan) || 'then' in plan) return `must be an object, got ${String(plan)}`
  const { toolLimits } = plan
  if (toolLimits !== undefined && !isRecord(toolLimits)) return 'must have an object as toolLimits'
  return wrongQuota(plan)
}

function wrongQuota({ limit, windowMs }: Record<string, unknown>): string | undefined {
  if (limit !== undefined && !isWhole(limit, 1)) {
    return `must have a positive whole number as limit, got ${String(limit)}`
  }
  if (windowMs === undefined || isWhole(windowMs, 1)) return undefined
  return `must have a positive whole number of milliseconds as windowMs, got ${String(windowMs)}`
}

function refuse(what: string, wrong: string | undefined): void {
  if (wrong) throw fault('ERR_RATELIMIT_PLAN', `${what} ${wrong}`)
}
