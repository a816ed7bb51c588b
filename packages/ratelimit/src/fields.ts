import type { Response } from 'express'
import type { Charge, Reading } from './meters.js'

/** A charge of the layer that it belongs to. */
export interface LayerCharge extends Charge {
  layer: 'ip' | 'principal' | 'tool'
  /** The tool's name, which is a registered one; only in the layer `tool`. */
  tool?: string
}

export interface Counted {
  charge: LayerCharge
  reading: Reading
}

/**
 * Adds the `RateLimit` and `RateLimit-Policy` fields of draft-ietf-httpapi-ratelimit-headers-08. The optional
 * partition key is left out: it is a hash of the client's key, told to everyone and computed for each request.
 */
export function announce(res: Response, counted: Counted): void {
  if (res.headersSent) return
  const { limit, windowMs } = counted.charge
  addItem(res, 'RateLimit', itemOf(counted))
  addItem(
    res,
    'RateLimit-Policy',
    `${policyOf(counted)};q=${limit};w=${Math.ceil(windowMs / 1000)}`,
  )
}

/** Writes what is known now in place of what was announced. */
export function correct(res: Response, announced: Counted, counted: Counted): void {
  const fields = res.getHeader('RateLimit')
  if (res.headersSent || typeof fields !== 'string') return
  const stale = itemOf(announced)
  const items = fields.split(', ').map((item) => (item === stale ? itemOf(counted) : item))
  res.setHeader('RateLimit', items.join(', '))
}

function itemOf(counted: Counted): string {
  const { charge, reading } = counted
  return `${policyOf(counted)};r=${reading.remaining};t=${secondsOf(charge, reading)}`
}

function policyOf({ charge: { layer, tool } }: Counted): string {
  return tool === undefined ? `"${layer}"` : `"${layer}:${tool}"`
}

/** The seconds that are promised: until the quota is whole or, when refused, until the same request would pass. */
export function secondsOf({ windowMs }: Charge, { waitMs }: Reading): number {
  // A microsecond is no more than an error of sums of fractions, and must not make a second.
  const seconds = Math.ceil((waitMs - 0.001) / 1000)
  return Math.min(Math.max(seconds, 1), Math.ceil(windowMs / 1000))
}

/** All layers, and whoever else limits, stand in one list (RFC 9651 §3.1). */
function addItem(res: Response, name: string, item: string): void {
  const already = res.getHeader(name)
  res.setHeader(name, already === undefined ? item : `${String(already)}, ${item}`)
}
