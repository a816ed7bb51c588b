import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Response } from 'express'
import { describe, expect, it } from 'vitest'
import { announce, type Counted } from '../src/fields.js'

const counted = (waitMs: number, policy: Partial<Counted['charge']> = {}): Counted => ({
  charge: { layer: 'ip', key: 'k', units: 1, limit: 9, windowMs: 10_000, ...policy },
  reading: { allowed: true, remaining: 8, waitMs },
})
const response = () => new ServerResponse(new IncomingMessage(new Socket())) as Response

describe('announce', () => {
  it.each([
    [-86_400_000, 1],
    [0, 1],
    [4500, 5],
    [5000.0000001, 5],
    [5000.1, 6],
    [86_400_000, 10],
  ])('promises a time %d ms ahead as %i s, within the window', (waitMs, seconds) => {
    const res = response()
    announce(res, counted(waitMs))
    expect(res.getHeader('RateLimit')).toBe(`"ip";r=8;t=${seconds}`)
  })

  it('joins what other limits have said before it', () => {
    const res = response()
    res.setHeader('RateLimit', ['"a";r=1', '"b";r=2'])
    announce(res, counted(500))
    announce(res, counted(500, { layer: 'tool', tool: 'search', limit: 3 }))
    expect(res.getHeader('RateLimit')).toMatch(
      /^"a";r=1, ?"b";r=2, "ip";r=8;t=1, "tool:search";r=8;t=1$/,
    )
    expect(res.getHeader('RateLimit-Policy')).toBe('"ip";q=9;w=10, "tool:search";q=3;w=10')
  })
})
