import { describe, expect, it } from 'vitest'
import { securityHeaders } from '../src/index.js'
import { optionError, serve } from './serve.js'

const own = ['connection', 'content-length', 'content-type', 'date', 'etag', 'keep-alive']

async function headersOf(options?: Parameters<typeof securityHeaders>[0], path = '/') {
  const { url } = await serve((app) => {
    app.use(securityHeaders(options))
    app.get('/', (_req, res) => void res.json({}))
    app.get('/cached', (_req, res) => void res.set('Cache-Control', 'max-age=60').json({}))
    app.get('/fails', () => {
      throw new Error('broken')
    })
  })
  const { headers } = await fetch(url + path)
  return Object.fromEntries([...headers].filter(([name]) => !own.includes(name)))
}

const expected = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
}

describe('securityHeaders', () => {
  it('sets six headers, no more, and takes X-Powered-By away', async () => {
    expect(await headersOf()).toEqual(expected)
  })

  it('also on answers to errors and to unknown paths', async () => {
    expect(await headersOf({}, '/fails')).toEqual(expected)
    expect(await headersOf({}, '/missing')).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  })

  it('lets a route say how long its answer may be cached', async () => {
    expect(await headersOf({}, '/cached')).toEqual({ ...expected, 'cache-control': 'max-age=60' })
  })

  it('takes another time for HSTS, or none', async () => {
    const hsts = async (hstsMaxAgeSeconds: number | false) =>
      (await headersOf({ hstsMaxAgeSeconds }))['strict-transport-security']
    expect(await hsts(0)).toBe('max-age=0')
    expect(await hsts(600)).toBe('max-age=600')
    expect(await hsts(false)).toBeUndefined()
  })

  it.each([-1, 1.5, Number.NaN, '600', true, null])('refuses %s as hstsMaxAgeSeconds', (value) => {
    expect(() => securityHeaders({ hstsMaxAgeSeconds: value as number })).toThrow(
      optionError('hstsMaxAgeSeconds', String(value)),
    )
  })
})
