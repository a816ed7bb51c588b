import { type Call, callsOf } from '@mcp-prod/rpc'
import type { Request } from 'express'
import type { LayerCharge } from './fields.js'
import { fault } from './options.js'
import type { Quotas } from './quota.js'
import { refuseUnreadBody } from './unread-body.js'

/**
 * What a request is charged: the principal its units, and each of its tools that has a quota the number of its calls.
 * Prompts and resources count as tools where `toolOf` names them.
 */
export function chargesOf(
  req: Request,
  key: string,
  quotas: Quotas,
  costOf: (call: Call) => number,
  toolOf: (call: Call) => string | undefined,
): LayerCharge[] {
  const calls = callsOf(req)
  const charges: LayerCharge[] = [
    { layer: 'principal', key, units: unitsOf(req, calls, costOf), ...quotas.principal },
  ]
  if (quotas.anyTool) addTools(charges, calls, quotas, toolOf)
  return charges
}

/** An entry that is no call costs 1 too, and so does a request without any, such as GET: nothing is free to repeat. */
function unitsOf(req: Request, calls: readonly Call[], costOf: (call: Call) => number): number {
  if (calls.length === 0) {
    refuseUnreadBody(req, 'limitByPrincipal')
    return 1
  }
  let units = 0
  for (const call of calls) {
    units += call.kind === 'request' || call.kind === 'notification' ? checkedCost(costOf(call)) : 1
  }
  return units
}

/** Only names with a quota become keys: other names are whatever callers write. Names of tools hold no space. */
function addTools(
  charges: LayerCharge[],
  calls: readonly Call[],
  quotas: Quotas,
  toolOf: (call: Call) => string | undefined,
): void {
  const [{ key: principal } = { key: '' }] = charges
  const found = new Map<string, LayerCharge>()
  for (const call of calls) {
    const name = toolOf(call)
    if (name === undefined) continue
    const charge = found.get(name)
    if (charge) charge.units++
    else {
      const quota = quotas.ofTool(name)
      if (!quota) continue
      const key = `tool ${name} ${principal}`
      found.set(name, { layer: 'tool', tool: name, key, units: 1, ...quota })
    }
  }
  charges.push(...found.values())
}

function checkedCost(cost: unknown): number {
  if (typeof cost === 'number' && cost >= 0) return cost
  throw fault(
    'ERR_RATELIMIT_COST',
    `costOf must return a number of units, 0 or more, got ${String(cost)}`,
  )
}
