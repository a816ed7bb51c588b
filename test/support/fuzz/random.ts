/** Chance that can be repeated: the same seed gives the same choices on every machine. */
export interface Random {
  /** A whole number from 0 up to, not including, `below`. */
  int(below: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T
  /** So many characters of an alphabet. */
  text(length: number, alphabet?: string): string
  bytes(length: number): Buffer
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** Mulberry32 over a hash of the seed: far from cryptographic, and quite enough to choose mutations by. */
export function random(seed: string): Random {
  let state = hashOf(seed)

  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number) => Math.floor(next() * below)

  return {
    int,
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new Error('there is nothing to pick from')
      return list[int(list.length)] as T
    },
    text(length, alphabet = LETTERS) {
      let made = ''
      for (let i = 0; i < length; i++) made += alphabet[int(alphabet.length)]
      return made
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
  }
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}
