import { describe, expect, it } from 'vitest'
import { fairQueue } from '../src/fair-queue.js'
import type { Claim } from '../src/slots.js'

const waiter = (principal: string, name: string, calls = 1) => ({
  name,
  claim: { principal, principalCap: 99, calls, tools: new Map() } satisfies Claim,
})
const all = () => true

function drained(queue: ReturnType<typeof fairQueue<ReturnType<typeof waiter>>>): string {
  let names = ''
  for (let next = queue.next(all); next; next = queue.next(all)) names += next.name
  return names
}

describe('fairQueue', () => {
  it('gives principals turns, and keeps the order of each one', () => {
    const queue = fairQueue<ReturnType<typeof waiter>>(100)
    for (const name of 'abcdef') queue.add(waiter('mallory', name))
    for (const name of 'xy') queue.add(waiter('alice', name))
    queue.add(waiter('bob', '1'))
    expect(drained(queue)).toBe('ax1bycdef')
    expect([queue.size, queue.principals]).toEqual([0, 0])
  })

  it('gives no better turn to who leaves and comes back', () => {
    const queue = fairQueue<ReturnType<typeof waiter>>(100)
    const first = waiter('mallory', 'a')
    queue.add(first)
    queue.add(waiter('alice', 'x'))
    queue.remove(first)
    queue.add(waiter('mallory', 'b'))
    expect(drained(queue)).toBe('xb')
  })

  it('leaves one principal half of the places, two a third each, and a newcomer always one', () => {
    const added = (queue: ReturnType<typeof fairQueue>, principal: string) => {
      let count = 0
      while (queue.add(waiter(principal, ''))) count++
      return count
    }
    const queue = fairQueue(12)
    expect(added(queue, 'mallory')).toBe(6)
    // What mallory has stays; of the rest the next ones get their part.
    expect(added(queue, 'mallet')).toBe(3)
    expect(added(queue, 'trudy')).toBe(2)
    expect(queue.add(waiter('alice', ''))).toBe(true)
    expect(queue.add(waiter('bob', ''))).toBe(false)
    expect(queue.size).toBe(12)
  })

  it('counts a batch by its calls', () => {
    const queue = fairQueue<ReturnType<typeof waiter>>(10)
    expect(queue.add(waiter('mallory', 'a', 11))).toBe(false)
    expect(queue.add(waiter('mallory', 'a', 5))).toBe(true)
    expect(queue.add(waiter('mallory', 'b', 5))).toBe(false)
    expect(queue.add(waiter('alice', 'x', 5))).toBe(true)
    expect(queue.size).toBe(10)
    expect(drained(queue)).toBe('ax')
  })

  it('passes over who cannot start, of the same principal too', () => {
    const queue = fairQueue<ReturnType<typeof waiter>>(100)
    queue.add(waiter('mallory', 'a', 20))
    queue.add(waiter('mallory', 'b'))
    queue.add(waiter('alice', 'x'))
    const small = ({ calls }: Claim) => calls < 10
    expect([queue.next(small)?.name, queue.next(small)?.name, queue.next(small)?.name]).toEqual([
      'b',
      'x',
      undefined,
    ])
    expect(queue.size).toBe(20)
  })

  it('removes twice what is there once only once', () => {
    const queue = fairQueue<ReturnType<typeof waiter>>(10)
    const one = waiter('a', '1', 3)
    queue.add(one)
    queue.add(waiter('a', '2', 1))
    queue.remove(one)
    queue.remove(one)
    expect(queue.size).toBe(1)
  })

  it.each(['__proto__', 'constructor', 'toString'])('takes %s for a name', (name) => {
    const queue = fairQueue<ReturnType<typeof waiter>>(10)
    queue.add(waiter(name, 'a'))
    queue.add(waiter('alice', 'x'))
    queue.add(waiter(name, 'b'))
    expect(drained(queue)).toBe('axb')
    expect(queue.principals).toBe(0)
  })
})
