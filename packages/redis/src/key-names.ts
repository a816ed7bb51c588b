import { hash } from 'node:crypto'
import type { Charge } from './meters.js'

/** 22 characters of base64url are 132 bits: enough that no two keys ever meet. */
const LENGTH = 22

/**
 * What Redis has in place of the keys of a request: no name of a principal is to be read there, and none has a
 * character or a length that means something to Redis.
 *
 * @param isCluster whether all must be in one slot: then their names begin with the tag of the first of them
 */
export function namesOf(
  charges: readonly Charge[],
  prefix: string,
  isCluster: boolean,
): readonly string[] {
  const [first] = charges
  if (!first) return []
  if (!isCluster) return charges.map(({ key }) => `${prefix}${hashOf(key)}`)
  const tag = `${prefix}{${hashOf(first.key)}}`
  return charges.map(({ key }) => (key === first.key ? tag : `${tag}${hashOf(key)}`))
}

/** In place of a name that may have any length and any character. */
export function hashOf(key: string): string {
  // By code units: UTF-8 would make one of all halves of surrogate pairs.
  return hash('sha256', Buffer.from(key, 'utf16le'), 'base64url').slice(0, LENGTH)
}

/** A key that no request has, in the slot of one that it has. */
export function probeName(key: string, prefix: string, isCluster: boolean): string {
  return isCluster ? `${prefix}{${hashOf(key)}}probe` : `${prefix}probe`
}
