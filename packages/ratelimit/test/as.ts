import { jsonBody } from '@mcp-prod/rpc'
import type { Express, RequestHandler } from 'express'
import { type LimitByPrincipalOptions, limitByPrincipal } from '../src/index.js'

/** Takes the whole `AuthInfo` from a header, in place of authentication. */
export const authenticate: RequestHandler = (req, _res, next) => {
  const auth = req.get('x-test-auth')
  if (auth) Object.assign(req, { auth: JSON.parse(auth) })
  next()
}

/** An app that authenticates, reads the body, limits, and calls `ran` with the bodies that pass. */
export const limitedApp =
  (options: LimitByPrincipalOptions, ran: (body: unknown) => void = () => {}) =>
  (app: Express) => {
    app.set('trust proxy', 'loopback')
    app.use(authenticate, jsonBody(), limitByPrincipal(options))
    app.use((req, res) => {
      ran(req.body)
      res.json({ ok: true })
    })
  }

export const as = (principal: unknown, clientId = 'client') => ({
  'x-test-auth': inAscii({ token: '', clientId, scopes: [], extra: { principal } }),
})

/** The same of a tenant. */
export const of = (tenant: unknown, principal: unknown, clientId = 'client') => ({
  'x-test-auth': inAscii({ token: '', clientId, scopes: [], extra: { principal, tenant } }),
})

/** JSON that a header can hold. */
function inAscii(value: unknown): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value).replace(/[^ -~]/g, escaped)
}

export const call = (name: unknown, id: number | string = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name },
})
/** A batch of calls of these tools. */
export const calls = (...names: unknown[]) => names.map((name, i) => call(name, i))
