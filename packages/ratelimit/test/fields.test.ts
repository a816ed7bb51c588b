import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Response } from 'express'
import { describe, expect, it } from 'vitest'
import { announce } from '../src/fields.js'

const promised = (aheadMs: number) => {
  const res = new ServerResponse(new IncomingMessage(new Socket())) as Response
  const count = {
    limit: 9,
    used: 1,
    remaining: 8,
    key: '',
    resetTime: new Date(Date.now() + aheadMs),
  }
  const seconds = announce(res, { layer: 'ip', limit: 9, windowMs: 10_000 }, count)
  expect(res.getHeader('RateLimit')).toBe(`"ip";r=8;t=${seconds}`)
  return seconds
}

describe('announce', () => {
  it.each([
    [-86_400_000, 1],
    [0, 1],
    [4500, 5],
    [86_400_000, 10],
  ])(
    'promises a time %i ms ahead as %i s, within the window whatever the clock does',
    (aheadMs, seconds) => {
      expect(promised(aheadMs)).toBe(seconds)
    },
  )

  it('joins what other limits have said before it', () => {
    const res = new ServerResponse(new IncomingMessage(new Socket())) as Response
    res.setHeader('RateLimit', ['"a";r=1', '"b";r=2'])
    const count = {
      limit: 9,
      used: 1,
      remaining: 8,
      key: '',
      resetTime: new Date(Date.now() + 500),
    }
    announce(res, { layer: 'ip', limit: 9, windowMs: 10_000 }, count)
    expect(res.getHeader('RateLimit')).toMatch(/^"a";r=1, ?"b";r=2, "ip";r=8;t=1$/)
    expect(res.getHeader('RateLimit-Policy')).toBe('"ip";q=9;w=10')
  })
})
