import type { Random } from './random.js'

/** A few bits the other way round. */
export function flipped(bytes: Buffer, { int }: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let flips = 1 + int(8); flips > 0; flips--) {
    const at = int(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << int(8))
  }
  return copy
}

/** A piece left out, doubled or replaced. */
export function spliced(bytes: Buffer, { int, pick, bytes: noise }: Random): Buffer {
  const from = int(bytes.length)
  const piece = bytes.subarray(from, from + 1 + int(40))
  const between = pick([
    Buffer.alloc(0),
    Buffer.concat([piece, piece]),
    noise(piece.length),
    Buffer.alloc(9),
  ])
  return Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(from + piece.length)])
}

export function inPieces(bytes: Buffer, count: number): Buffer[] {
  const size = Math.max(1, Math.ceil(bytes.length / count))
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  )
}

/** As one chunk of a body (RFC 9112 §7.1). */
export function inChunk(bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ])
}
