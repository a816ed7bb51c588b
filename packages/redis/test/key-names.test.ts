import { describe, expect, it } from 'vitest'
import { namesOf } from '../src/key-names.js'

describe('the name of a key in Redis', () => {
  it.each([false, true])('tells keys apart by every code unit, in a Cluster: %s', (isCluster) => {
    const keys = ['café', 'cafe\u0301', '\ud800', '\udfff', '\ufffd', 'a\u0000', 'a', 'A', 'a%00']
    const names = keys.map((key) => namesOf([{ key }] as never, 'p:', isCluster)[0])
    expect(new Set(names).size).toBe(keys.length)
    for (const name of names) expect(name).toMatch(/^p:\{?[\w-]+\}?$/)
  })
})
