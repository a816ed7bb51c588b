import { beforeAll, describe, expect, it } from 'vitest'
import { type IntrospectionOptions, introspectedTokens } from '../src/index.js'
import { RESOURCE, SECRET, startAuthorizationServer } from './authorization-server.js'
import { stopClock } from './clock.js'

let server: Awaited<ReturnType<typeof startAuthorizationServer>>
beforeAll(async () => {
  server = await startAuthorizationServer()
})

const verifier = (options: Partial<IntrospectionOptions> = {}) =>
  introspectedTokens({
    issuer: server.issuer,
    audience: RESOURCE,
    clientId: 'mcp:server',
    clientSecret: SECRET,
    privateHosts: ['127.0.0.1'],
    ...options,
  })
const reason = (text: string) =>
  expect.objectContaining({ name: 'InvalidTokenError', reason: text })

describe('an opaque token of oidc-provider', () => {
  it.each<Partial<IntrospectionOptions>>([
    { clientAuthentication: 'basic' },
    { clientAuthentication: 'post', clientId: 'mcp-post' },
  ])('is accepted, whatever is in the secret: %o', async (options) => {
    const verify = verifier(options)
    expect(await verify(await server.machineToken())).toEqual({
      token: '[redacted]',
      clientId: 'app',
      scopes: ['catalog:read'],
      expiresAt: expect.any(Number),
      resource: new URL(RESOURCE),
      extra: { principal: 'app', issuer: server.issuer },
    })
    verify.check()
  })

  it('is the user and not the client, where a user has signed in', async () => {
    const { access } = await server.userTokens()
    expect(await verifier({ principalPrefix: 'idp:' })(access)).toMatchObject({
      clientId: 'app',
      extra: { principal: 'idp:alice' },
    })
  })

  it('that nobody issued, or that is for another resource, is refused', async () => {
    const verify = verifier()
    await expect(verify('made-up')).rejects.toEqual(reason('inactive'))
    const foreign = await server.machineToken('https://other.example.com/mcp')
    await expect(verify(foreign)).rejects.toEqual(reason('audience'))
    const sibling = await server.machineToken(`${RESOURCE}/admin`)
    await expect(verify(sibling)).rejects.toEqual(reason('audience'))
  })

  it('is refused after its revocation: at once without a cache', async () => {
    const verify = verifier({ cacheMs: 0 })
    const token = await server.machineToken()
    await verify(token)
    await server.revoke(token)
    await expect(verify(token)).rejects.toEqual(reason('inactive'))
  })

  it('is refused after its revocation: at the end of cacheMs with one', async () => {
    const clock = stopClock()
    const verify = verifier({ cacheMs: 10_000 })
    const token = await server.machineToken()
    await verify(token)
    await server.revoke(token)
    clock.advance(9_999)
    await expect(verify(token)).resolves.toMatchObject({ clientId: 'app' })
    clock.advance(2)
    await expect(verify(token)).rejects.toEqual(reason('inactive'))
  })

  it('is refused from its expiry on, also from the cache', async () => {
    const clock = stopClock()
    const verify = verifier({ cacheMs: 3_600_000 })
    const token = await server.machineToken()
    const { expiresAt = 0 } = await verify(token)
    expect(expiresAt).toBe(clock.seconds() + 60)
    clock.advance(59_999)
    await verify(token)
    clock.advance(1)
    await expect(verify(token)).rejects.toEqual(reason('inactive'))
  })
})

describe('what else oidc-provider issues', () => {
  it('is no access token: a refresh token', async () => {
    const { refresh, access } = await server.userTokens()
    const verify = verifier()
    expect(refresh).not.toBe('')
    await expect(verify(refresh)).rejects.toEqual(reason('audience'))
    await verify(access)
  })

  it('is no access token: an ID token, about which the server answers 400', async () => {
    const failures: Error[] = []
    const verify = verifier({ onFailure: (error) => failures.push(error) })
    const { id } = await server.userTokens()
    await expect(verify(id)).rejects.toEqual(reason('inactive'))
    // Anybody can send one: no alarm, no outage, and no second question about the same one.
    expect(failures).toEqual([])
    expect(verify.check).not.toThrow()
    await expect(verify(id)).rejects.toEqual(reason('inactive'))
  })

  it('cannot be used to shut others out: JWTs without number open no breaker', async () => {
    const verify = verifier({ refusedCacheMs: 0 })
    const { id } = await server.userTokens()
    for (let n = 0; n < 10; n++) await expect(verify(`${id}${n}`)).rejects.toThrow()
    await expect(verify(await server.machineToken())).resolves.toMatchObject({ clientId: 'app' })
  })
})

it('names the remedy where the secret is wrong, and neither secret nor token', async () => {
  const failures: Error[] = []
  const verify = verifier({ clientSecret: 'hunter2', onFailure: (error) => failures.push(error) })
  const token = await server.machineToken()
  await expect(verify(token)).rejects.toHaveProperty('code', 'ERR_AUTH_UNAVAILABLE')
  expect(failures).toHaveLength(1)
  expect(failures[0]?.message).toMatch(/answered 401.*clientId and clientSecret/)
  expect(failures[0]?.message).not.toMatch(/hunter2/)
  expect(failures[0]?.message).not.toContain(token)
  expect(() => verify.check()).toThrow('clientSecret')
})
