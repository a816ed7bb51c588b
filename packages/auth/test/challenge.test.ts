import { jsonBody } from '@mcp-prod/rpc'
import { describe, expect, it, vi } from 'vitest'
import { type AuthorizeOptions, authenticate, authorize } from '../src/index.js'
import { answer, serve, someone } from './serve.js'

const HOSTILE = ['a"b', 'a\\', 'a\r\nSet-Cookie: b=c', 'a b', 'ключ', 'a\x00', 'a\x7f', '', 7]

describe('a scope or realm that could split the challenge', () => {
  it.each(HOSTILE)('stops the start as a scope: %j', (scope) => {
    const scopes = ['a', scope as string]
    for (const create of [
      () => authenticate(() => undefined, { scopes }),
      () => authorize(() => [], { scopes }),
    ]) {
      expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
      expect(create).toThrow('scopes')
    }
  })

  it.each(['a\r\nb', 'a\nb', 'a\x00', 'a\x7f', 'ключ', '', 7])(
    'stops it as a realm: %j',
    (realm) => {
      for (const create of [
        () => authenticate(() => undefined, { realm: realm as string }),
        () => authorize(() => [], { realm: realm as string }),
      ]) {
        expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
        expect(create).toThrow('realm')
      }
    },
  )

  it('is left out where scopesOf makes it of what the caller wrote', async () => {
    const { post } = await start((name) => ['tools:call', `tool:${name}`])
    for (const name of HOSTILE.slice(0, -2)) {
      const { status, challenge, headers } = await answer(await post(String(name)))
      expect(status).toBe(403)
      expect(challenge).toBe('Bearer realm="shop", error="insufficient_scope", scope="tools:call"')
      expect(headers.get('set-cookie')).toBeNull()
    }
  })
})

it('names no scopes that would make the header larger than proxies take', async () => {
  const { post } = await start((name) => [`tool:${name}`])
  const { challenge } = await answer(await post('a'.repeat(4_091)))
  expect(challenge).toContain(`scope="tool:${'a'.repeat(4_091)}"`)
  for (const length of [4_092, 1_000_000]) {
    const { status, challenge, body } = await answer(await post('a'.repeat(length)))
    expect(status).toBe(403)
    expect(challenge).toBe('Bearer realm="shop", error="insufficient_scope"')
    expect(body.error.data?.requiredScopes).toEqual([`tool:${'a'.repeat(length)}`])
  }
})

describe('onDenied', () => {
  it.each([
    () => {
      throw new Error('disk full')
    },
    () => Promise.reject(new Error('disk full')),
  ])('that fails changes no answer', async (onDenied) => {
    const failing = vi.fn(onDenied)
    const { post, errors } = await start(() => ['x'], { onDenied: failing as () => void })
    expect((await post('a')).status).toBe(403)
    expect(failing).toHaveBeenCalledTimes(1)
    expect(errors).toEqual([])
  })

  it('is a function, or the start is stopped', () => {
    expect(() => authorize(() => [], { onDenied: 'log' as never })).toThrow('onDenied')
  })
})

async function start(scopesOf: (name: string) => string[], options: AuthorizeOptions = {}) {
  const { url, errors } = await serve((app) => {
    app.use(
      authenticate(() => someone()),
      jsonBody(),
    )
    app.use(authorize(({ name = '' }) => scopesOf(name), { realm: 'shop', ...options }))
  })
  const post = (name: string) =>
    fetch(url, {
      method: 'POST',
      headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }),
    })
  return { post, errors }
}
