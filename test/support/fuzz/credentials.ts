import { type HttpRequest, setHeader, withHeader } from './http.js'
import type { Random } from './random.js'
import type { Secrets } from './secrets.js'

/** A request with credentials that are good: a key or a token, mostly of a caller who may call everything. */
export function authenticated(request: HttpRequest, random: Random, secrets: Secrets): HttpRequest {
  const { key, jwt, bareKey, bareJwt } = secrets
  const token = random.pick([key, key, key, jwt, jwt, jwt, bareKey, bareJwt])
  return setHeader(request, 'Authorization', `Bearer ${token}`)
}

/** A request whose credentials are missing, broken, doubled or sent by other means. */
export function misauthenticated(
  request: HttpRequest,
  random: Random,
  secrets: Secrets,
): HttpRequest {
  const { chance, pick } = random
  const token = pick([secrets.key, secrets.jwt])
  const broken = brokenToken(token, random)
  if (chance(0.15)) return request
  if (chance(0.2)) {
    const pair = [
      `Bearer ${token}`,
      `Bearer ${chance(0.5) ? broken : pick([secrets.jwt, secrets.bareKey])}`,
    ]
    if (chance(0.5)) pair.reverse()
    return withHeader(request, ...pair.map((value) => ['authorization', value] as const))
  }
  if (chance(0.15)) return withHeader(request, elsewhere(token, random, secrets))
  return withHeader(request, [
    'Authorization',
    chance(0.5) ? `Bearer ${broken}` : misshapen(token, random, secrets),
  ])
}

/** Whom a request is of, by its headers alone: good credentials count only when nothing contradicts them. */
export function callerOf({ headers }: HttpRequest, secrets: Secrets): 'full' | 'bare' | 'nobody' {
  const sent = headers.filter(([name]) => name.toLowerCase() === 'authorization')
  const [, token = ''] = /^[\t ]*bearer (\S+)[\t ]*$/i.exec(sent[0]?.[1] ?? '') ?? []
  if (sent.length !== 1) return 'nobody'
  if (token === secrets.key || token === secrets.jwt) return 'full'
  return token === secrets.bareKey || token === secrets.bareJwt ? 'bare' : 'nobody'
}

/** A real token with a bit, a letter or a part changed. */
function brokenToken(token: string, { int, pick, text }: Random): string {
  // The last letter of a signature has bits that mean nothing.
  const at = int(token.length - 1)
  const [head = '', body = '', signature = ''] = token.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  const flipped = String.fromCharCode(token.charCodeAt(at) ^ (1 << int(7)))
  const forms = [
    // A line break would be another header, and is tried elsewhere.
    token.slice(0, at) + flipped.replace(/[\r\n\0]/, '~') + token.slice(at + 1),
    token.slice(0, at),
    token.slice(at),
    token.slice(0, -1),
    `${token}x`,
    `${token}=`,
    token + token,
    token.toUpperCase(),
    token.slice(0, at) + pick([' ', '\t', ',', '\x80', '%', '"', '\x7f']) + token.slice(at),
    `mcp_${pick(['dev', 'bare', '__proto__', 'constructor', 'x'.repeat(64), ''])}_${text(43)}`,
    `${none}.${body}.`,
    `${none}.${body}.${signature}`,
    `${head}.${body}.${text(18).repeat(19)}`,
    `${head}..${signature}`,
    `${changedPart(head, 'kid', pick(['', '__proto__', '../../key', 'k'.repeat(3000), text(12)]))}.${body}.${signature}`,
    `${changedPart(head, 'alg', pick(['HS256', 'RS512', 'none', 'EdDSA', '']))}.${body}.${signature}`,
    `${head}.${changedPart(body, 'exp', 99_999_999_999)}.${signature}`,
    `${head}.${changedPart(body, 'sub', 'root')}.${signature}`,
    `eyJ${text(1).repeat(8190)}`,
    text(1).repeat(9000),
    '.'.repeat(1 + int(8000)),
  ]
  return pick(forms)
}

/** A part of a token says something else; what is no token stays as it is. */
function changedPart(part: string, claim: string, value: unknown): string {
  try {
    const json = JSON.parse(Buffer.from(part, 'base64url').toString())
    return Buffer.from(JSON.stringify({ ...json, [claim]: value })).toString('base64url')
  } catch {
    return part
  }
}

function misshapen(
  token: string,
  { pick, text, int }: Random,
  { password, clientSecret }: Secrets,
): string {
  const basic = (user: string, secret: string) =>
    Buffer.from(`${user}:${secret}`).toString('base64')
  const forms = [
    ...['', ' ', 'Bearer', 'Bearer ', 'bearer', token, `Bearer${token}`, `Bearer  ${token}`],
    ...[
      `Bearer\t${token}`,
      `Bearer ${token} `,
      `Bearer ${token} x`,
      `Bearer ${token},`,
      `Bearer "${token}"`,
    ],
    ...[
      `Bearer ${token}, Bearer ${token}`,
      `Bearer token=${token}`,
      `Token ${token}`,
      `DPoP ${token}`,
    ],
    ...[
      `BEARERX ${token}`,
      `Basic ${token}`,
      `Basic ${basic('dev', password)}`,
      `Bearer ${password}`,
    ],
    `Basic ${basic('dev-machine', clientSecret)}`,
    `Digest username="root", response="${password}"`,
    `Bearer ${Buffer.from(token).toString('base64')}`,
    `Bearer ${text(20, '\x80\xff\xa0 \t;=')}`,
    `${'Bearer '.repeat(1 + int(100))}${token}`,
  ]
  return pick(forms)
}

/** Where other servers look for credentials, and this one must not. */
function elsewhere(
  token: string,
  { pick }: Random,
  { password }: Secrets,
): readonly [string, string] {
  return pick([
    ['Proxy-Authorization', `Bearer ${token}`],
    ['X-Authorization', `Bearer ${token}`],
    ['X-Api-Key', token],
    ['Cookie', `token=${token}; password=${password}`],
    ['Authorization2', `Bearer ${token}`],
    ['X-Forwarded-Authorization', `Bearer ${token}`],
    ['Sec-WebSocket-Protocol', `bearer, ${token}`],
    ['Authorization_', `Bearer ${token}`],
  ] as const)
}
