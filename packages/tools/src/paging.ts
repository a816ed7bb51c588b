import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'

/** Longer cursors are none of ours. */
const MAX_CURSOR_CHARS = 4096

export type Position = readonly (string | number)[]

/** Where the next page of a list begins, as a text that only this server reads. */
export function cursorOf(list: string, position: Position): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString('base64url')
}

/** @throws ProtocolError -32602 for a cursor that this server never gave, or gave for another list. */
export function positionOf(list: string, cursor: string): Position {
  const position = cursor.length > MAX_CURSOR_CHARS ? undefined : parse(cursor)
  if (!position || position[0] !== list || cursorOf(list, position.slice(1)) !== cursor)
    throw invalidCursor()
  return position.slice(1)
}

export function invalidCursor(): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid cursor')
}

function parse(cursor: string): Position | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A place in a list of so many entries. */
export function isIndex(value: unknown, length: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < length
}
