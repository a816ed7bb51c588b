import { list } from './list.js'
import type { Random } from './random.js'
import type { Secrets } from './secrets.js'

const METHODS = list('GET|GET|GET|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|HEAD|PROPFIND|M-SEARCH')

const PATHS = list(
  '/|/mcp|/mcp/|/MCP|//mcp|/mcp//|/./mcp|/x/../mcp|/mcp/..|/mcp;x=1|/mcp#x|/mcp?|/%6d%63%70|/mcp%2f',
  '/mcp%00|/mcp%|/%zz|/%ff|/%c0%ae%c0%ae/|/%E0%A4%A|/\xff|/a\\b|/../../../etc/hosts|/.env|/.git/config',
  '/..%2f..%2fetc%2fhosts|/%2e%2e/%2e%2e/etc/hosts|/health|/ready|/metrics|/favicon.ico|/robots.txt',
  '/sse|/messages|/package.json|/__proto__|/constructor|/toString|/?__proto__[x]=1|*|mcp|?|file:///x',
  '/mcp?constructor.prototype.x=1|http://127.0.0.1/mcp|http://evil.example/mcp|https://localhost/mcp',
)

const WELL_KNOWN = list(
  'oauth-protected-resource|oauth-protected-resource/mcp|oauth-protected-resource/mcp/x||../mcp',
  'oauth-authorization-server|oauth-authorization-server/mcp|openid-configuration|security.txt',
  'OAuth-Protected-Resource|oauth-protected-resource%2fmcp|oauth-protected-resource/',
)

/** Where to: paths that are there, that are not, and that only some readers take for one that is. */
export function anyTarget({ pick, int, text, chance }: Random, { password, key, jwt }: Secrets) {
  const method = pick(METHODS)
  const dice = int(10)
  if (dice < 6) return { method, target: pick(PATHS) }
  if (dice < 8) {
    const query = chance(0.3) ? `?x=${text(5)}` : ''
    return { method, target: `/.well-known/${pick(WELL_KNOWN)}${query}` }
  }
  const forms = [
    `/mcp?access_token=${key}&password=${password}`,
    `/mcp?token=${jwt}#${password}`,
    `http://root:${password}@127.0.0.1/mcp`,
    // A name is logged, so here is only what can be told from one by its form.
    `/mcp/${key}`,
    `/${jwt}/mcp`,
    `/${text(1).repeat(pick([200, 8_000, 15_000, 20_000]))}`,
    `/mcp?${'a=1&'.repeat(pick([10, 2_000]))}`,
    `/${'../'.repeat(pick([10, 1_000]))}mcp`,
    `/${'%2e%2e%2f'.repeat(100)}mcp`,
  ]
  return { method, target: pick(forms) }
}
