import { once } from 'node:events'
import { connect } from 'node:net'
import express from 'express'
import { describe, expect, it } from 'vitest'
import {
  authenticate,
  authorize,
  type ProtectedResourceOptions,
  protectedResource,
} from '../src/index.js'
import { answer, sendLines, serve, someone } from './serve.js'

const RESOURCE = 'https://mcp.example.com/mcp'
const ROOT_FORM = '/.well-known/oauth-protected-resource'
const PATH_FORM = `${ROOT_FORM}/mcp`
const OPTIONS = { authorizationServers: ['https://idp.example.com'], scopes: ['catalog:read'] }
const METADATA = {
  resource: RESOURCE,
  authorization_servers: ['https://idp.example.com'],
  scopes_supported: ['catalog:read'],
  bearer_methods_supported: ['header'],
}

async function start(resource = RESOURCE, options: ProtectedResourceOptions = OPTIONS) {
  const { middleware, metadataUrl } = protectedResource(resource, options)
  const { url, port } = await serve((app) => {
    app.use(middleware)
    app.use((_req, res) => void res.status(404).json({}))
  })
  const get = (path: string, init: RequestInit = {}) => fetch(new URL(path, url), init)
  return { get, port, metadataUrl }
}

describe('the metadata of a protected resource', () => {
  it.each([PATH_FORM, ROOT_FORM, `${PATH_FORM}?x=1`, `${ROOT_FORM}?resource=https://evil.example`])(
    'is served at %s',
    async (path) => {
      const { get } = await start()
      const response = await get(path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toMatch(/^application\/json/)
      expect(response.headers.get('cache-control')).toBe('public, max-age=300')
      expect(await response.json()).toEqual(METADATA)
    },
  )

  it.each([
    `${PATH_FORM}/`,
    `${ROOT_FORM}/`,
    `${ROOT_FORM}/MCP`,
    '/.well-known/OAuth-Protected-Resource/mcp',
    '/.well-known/oauth-protected-resource%2Fmcp',
    '/.well-known%2Foauth-protected-resource/mcp',
    '/.well-known/oauth-protected-resource/%6dcp',
    `/${ROOT_FORM}`,
    `${PATH_FORM}/admin`,
    `${ROOT_FORM}/other`,
    `/x${PATH_FORM}`,
    '/mcp',
  ])('is left to others at %s', async (path) => {
    const { port } = await start()
    expect((await sendLines(port, [], `GET ${path} HTTP/1.1`)).status).toBe(404)
  })

  it('has no body for HEAD, and a length', async () => {
    const { get } = await start()
    const response = await get(PATH_FORM, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(Number(response.headers.get('content-length'))).toBe(JSON.stringify(METADATA).length)
    expect(await response.text()).toBe('')
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('is not there for %s', async (method) => {
    const { get } = await start()
    const response = await get(PATH_FORM, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
    expect(await response.json()).toEqual({ error: 'method_not_allowed' })
  })

  it('reads no body of an upload to it', async () => {
    const { port } = await start()
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST ${PATH_FORM} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx`)
    const [head] = await once(socket, 'data')
    expect(String(head)).toMatch(/^HTTP\/1\.1 405 /)
    expect(String(head)).toMatch(/^connection: close\r$/im)
    await once(socket, 'close')
  })

  it.each([
    ['https://mcp.example.com', 'https://mcp.example.com/.well-known/oauth-protected-resource'],
    ['https://a.example:8443/v1/mcp', `https://a.example:8443${ROOT_FORM}/v1/mcp`],
    ['http://localhost:8080/mcp', `http://localhost:8080${PATH_FORM}`],
    ['http://[::1]:8080/mcp', `http://[::1]:8080${PATH_FORM}`],
  ])('of %s is at %s', async (resource, metadataUrl) => {
    const server = await start(resource)
    expect(server.metadataUrl).toBe(metadataUrl)
    const { pathname } = new URL(server.metadataUrl)
    expect(await (await server.get(pathname)).json()).toMatchObject({ resource })
  })

  it('says what else is known, and each scope once', async () => {
    const { get } = await start(RESOURCE, {
      authorizationServers: ['https://one.example', 'https://two.example/tenant'],
      scopes: ['a', 'b', 'a'],
      name: 'Shop "ä"',
      documentationUrl: 'https://docs.example.com/mcp',
    })
    expect(await (await get(PATH_FORM)).json()).toEqual({
      resource: RESOURCE,
      authorization_servers: ['https://one.example', 'https://two.example/tenant'],
      scopes_supported: ['a', 'b'],
      bearer_methods_supported: ['header'],
      resource_name: 'Shop "ä"',
      resource_documentation: 'https://docs.example.com/mcp',
    })
    const bare = await start(RESOURCE, { authorizationServers: ['https://one.example'] })
    expect(await (await bare.get(PATH_FORM)).json()).not.toHaveProperty('scopes_supported')
  })
})

it('is where the challenges of 401 and 403 say, without a token and behind guards', async () => {
  const server = await serve((app) => {
    app.use((req, res, next) =>
      req.headers.host?.startsWith('127.') ? next() : res.sendStatus(403),
    )
    app.use((req, res, next) => {
      // Only known once the port is.
      const { host = '' } = req.headers
      const resource = protectedResource(`http://${host}/mcp`, OPTIONS)
      const resourceMetadataUrl = resource.metadataUrl
      const mcp = express.Router()
      mcp.use(authenticate(() => someone(), { resourceMetadataUrl }))
      mcp.use(authorize(() => [], { resourceMetadataUrl, scopes: ['catalog:read'] }))
      resource.middleware(req, res, () => mcp(req, res, next))
    })
  })
  for (const [headers, status] of [
    [{}, 401],
    [{ authorization: 'Bearer x' }, 403],
  ] as const) {
    const refused = await answer(await fetch(server.url, { headers }))
    expect(refused.status).toBe(status)
    const [, url = ''] = /resource_metadata="([^"]*)"/.exec(refused.challenge ?? '') ?? []
    expect(await (await fetch(url)).json()).toHaveProperty('resource', server.url)
  }
})

describe('protectedResource refuses at creation', () => {
  it.each([
    ['https://mcp.example.com/', 'https://mcp.example.com'],
    ['https://mcp.example.com/mcp/', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com/mcp//', 'https://mcp.example.com/mcp'],
    ['HTTPS://mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
    ['https://MCP.example.com/mcp', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com:443/mcp', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com/a/../mcp', 'https://mcp.example.com/mcp'],
    ['https:/mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
    [' https://mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com\\mcp', 'https://mcp.example.com/mcp'],
  ])('%j, and names the canonical form', (resource, canonical) => {
    const create = () => protectedResource(resource, OPTIONS)
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
    expect(create).toThrow(`: ${canonical}, got`)
  })

  it.each([
    'mcp.example.com/mcp',
    '/mcp',
    'https://mcp.example.com/mcp?x=1',
    'https://mcp.example.com/mcp?',
    'https://mcp.example.com/mcp#x',
    'https://user:hunter2@mcp.example.com/mcp',
    'http://mcp.example.com/mcp',
    'http://localhost.example.com/mcp',
    'http://127.0.0.1.example.com/mcp',
    'ftp://localhost/mcp',
    'urn:mcp',
    '',
    undefined as unknown as string,
  ])('the resource %j', (resource) => {
    const create = () => protectedResource(resource, OPTIONS)
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
    expect(create).toThrow('resource must be')
    expect(create).not.toThrow('hunter2')
  })

  it.each<[string, object]>([
    ['authorizationServers', { authorizationServers: [] }],
    ['authorizationServers', { authorizationServers: 'https://idp.example.com' }],
    ['authorizationServers', { authorizationServers: ['idp.example.com'] }],
    ['authorizationServers', { authorizationServers: ['https://idp.example.com?x'] }],
    ['authorizationServers', {}],
    ['scopes', { ...OPTIONS, scopes: ['catalog:read', 'offline_access'] }],
    ['scopes', { ...OPTIONS, scopes: ['a b'] }],
    ['scopes', { ...OPTIONS, scopes: 'catalog:read' }],
    ['name', { ...OPTIONS, name: '' }],
    ['documentationUrl', { ...OPTIONS, documentationUrl: 'javascript:alert(1)' }],
  ])('a wrong %s: %j', (option, options) => {
    const create = () => protectedResource(RESOURCE, options as ProtectedResourceOptions)
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
    expect(create).toThrow(option)
  })
})
