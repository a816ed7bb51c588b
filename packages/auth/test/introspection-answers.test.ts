import { describe, expect, it } from 'vitest'
import { stopClock } from './clock.js'
import { invalid, RESOURCE, startEndpoint, unavailable, valid } from './introspection-server.js'

const NOW = Date.parse('2026-06-01T00:00:00Z') / 1000

describe('the question', () => {
  it('is a form with the token, never an URL, and asks for JSON', async () => {
    const server = await startEndpoint()
    await server.verifier({ endpoint: `${server.issuer}/ask?realm=a` })('a+b/c==')
    const [question] = server.questions
    expect(question?.url).toBe('/ask?realm=a')
    expect([...(question?.form ?? [])]).toEqual([
      ['token', 'a+b/c=='],
      ['token_type_hint', 'access_token'],
    ])
    expect(question?.headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    })
  })

  const clientId = 'mcp:ü'
  const clientSecret = 'p%41:ä+ß 日😀&='
  it('carries id and secret form-encoded in Basic credentials, so that all of them arrive', async () => {
    const server = await startEndpoint()
    await server.verifier({ clientId, clientSecret })('token')
    const [question] = server.questions
    const [, encoded = ''] = question?.headers.authorization?.split(' ') ?? []
    const pair = atob(encoded).split(':')
    expect(pair).toHaveLength(2)
    // As a server reads it: RFC 6749 appendix B.
    const decoded = pair.map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
    expect(decoded).toEqual([clientId, clientSecret])
    expect(question?.form.has('client_secret')).toBe(false)
  })

  it('carries them in the form where the server wants that, and in no header', async () => {
    const server = await startEndpoint()
    await server.verifier({ clientId, clientSecret, clientAuthentication: 'post' })('token')
    const [question] = server.questions
    expect(question?.form.get('client_id')).toBe(clientId)
    expect(question?.form.get('client_secret')).toBe(clientSecret)
    expect(question?.headers.authorization).toBeUndefined()
  })

  it('reads the secret anew each time where it is a function, and never sends what is no secret', async () => {
    const server = await startEndpoint()
    const secrets = ['one', 'two', '', undefined as unknown as string]
    const verify = server.verifier({ clientSecret: () => secrets.shift() as string })
    await verify('a')
    await verify('b')
    const sent = server.questions.map(({ headers }) => atob(headers.authorization?.slice(6) ?? ''))
    expect(sent).toEqual(['mcp:one', 'mcp:two'])
    for (const token of ['c', 'd']) await expect(verify(token)).rejects.toEqual(unavailable)
    expect(server.failures.map(({ message }) => message)).toEqual(
      Array(2).fill('@mcp-prod/auth: clientSecret gave no text'),
    )
    expect(server.questions).toHaveLength(2)
  })
})

describe('an answer', () => {
  it.each<[string, object, string]>([
    ['that says no', { active: false }, 'inactive'],
    ['without an audience', { aud: undefined }, 'audience'],
    ['with an empty list of audiences', { aud: [] }, 'audience'],
    ['for another resource', { aud: 'https://other.example.com/mcp' }, 'audience'],
    ['for a resource that begins alike', { aud: `${RESOURCE}/admin` }, 'audience'],
    ['for a part of the resource', { aud: 'https://mcp.example.com' }, 'audience'],
    ['with the audience in a text of several', { aud: `${RESOURCE} other` }, 'audience'],
    ['with the audience one list deeper', { aud: [[RESOURCE]] }, 'audience'],
    ['of another issuer', { iss: 'https://evil.example.com' }, 'issuer'],
    ['with no text as issuer', { iss: null }, 'issuer'],
    ['about a DPoP token', { token_type: 'DPoP' }, 'type'],
    ['about a token that is no bearer', { token_type: 'N_A' }, 'type'],
    ['with a list as type', { token_type: ['Bearer'] }, 'type'],
    ['about a refresh token', { token_type: 'refresh_token' }, 'type'],
    ['about a token bound to a key', { cnf: { jkt: 'x' } }, 'sender_constrained'],
    ['about a token bound to a certificate', { cnf: { 'x5t#S256': 'x' } }, 'sender_constrained'],
    ['expired', { exp: NOW }, 'expired'],
    ['expired long ago', { exp: 0 }, 'expired'],
    ['with its expiry in milliseconds ago', { exp: -1 }, 'expired'],
    ['with its expiry as text', { exp: String(NOW + 60) }, 'expired'],
    ['with its expiry in a list', { exp: [NOW + 60] }, 'expired'],
    ['with no number as expiry', { exp: 'soon' }, 'expired'],
    ['with null as expiry', { exp: null }, 'expired'],
    ['with true as expiry', { exp: true }, 'expired'],
    ['not valid yet', { nbf: NOW + 31 }, 'not_yet'],
    ['with a beginning as text', { nbf: String(NOW) }, 'not_yet'],
    ['with null as beginning', { nbf: null }, 'not_yet'],
    ['without subject and client', { sub: undefined }, 'subject'],
    ['with a number as subject', { sub: 7 }, 'subject'],
    ['with a line break in the subject', { sub: 'alice\nadmin' }, 'subject'],
    ['with a number as client', { client_id: 7 }, 'client'],
  ])('%s refuses the token', async (_case, claims, reason) => {
    stopClock()
    const server = await startEndpoint(() => valid(claims))
    await expect(server.verifier()('token')).rejects.toEqual(invalid(reason))
    expect(server.failures).toEqual([])
  })

  it('with an expiry that JSON reads as infinite refuses the token', async () => {
    const server = await startEndpoint(() => JSON.stringify(valid()).replace('{', '{"exp":1e999,'))
    await expect(server.verifier()('token')).rejects.toEqual(invalid('expired'))
  })

  it.each<[string, object]>([
    ['a list of audiences', { aud: ['https://other.example.com', RESOURCE] }],
    ['the issuer', { iss: undefined }],
    ['the type in small letters', { token_type: 'bearer' }],
    ['the type of RFC 8693', { token_type: 'access_token' }],
    ['an expiry to come', { exp: NOW + 0.5 }],
    ['a beginning within the tolerance', { nbf: NOW + 30 }],
  ])('with %s accepts it', async (_case, claims) => {
    stopClock()
    const server = await startEndpoint(() => valid(claims))
    expect(await server.verifier()('token')).toMatchObject({ extra: { principal: 'alice' } })
  })

  it('may name this server by any of its audiences', async () => {
    const server = await startEndpoint((token) => valid({ aud: token }))
    const verify = server.verifier({ audience: ['urn:mcp', RESOURCE] })
    expect(await verify('urn:mcp')).toMatchObject({ clientId: 'alice' })
    expect(await verify(RESOURCE)).toHaveProperty('resource', new URL(RESOURCE))
    await expect(verify('urn:other')).rejects.toEqual(invalid('audience'))
  })

  it('names the tenant where one is asked for, and refuses whoever has none', async () => {
    const server = await startEndpoint((token) => valid(token === 'with' ? { org_id: 'acme' } : {}))
    const verify = server.verifier({ tenantClaim: 'org_id' })
    expect(await verify('with')).toHaveProperty('extra.tenant', 'acme')
    await expect(verify('without')).rejects.toEqual(invalid('tenant'))
    await expect(server.verifier({ tenantClaim: 'constructor' })('a')).rejects.toEqual(
      invalid('tenant'),
    )
  })
})
