import {
  ACCEPTS,
  ADDRESSES,
  CONNECTIONS,
  ENCODINGS,
  HOSTS,
  ORIGINS,
  OTHERS,
  PROTOCOL_VERSIONS,
  REQUEST_IDS,
  TYPES,
} from './header-values.js'
import { type HttpRequest, setHeader, withHeader, withoutHeader } from './http.js'
import type { Random } from './random.js'
import type { Secrets } from './secrets.js'

type Change = (request: HttpRequest, random: Random, secrets: Secrets) => HttpRequest

/** One header a proxy, a browser, a client or an attacker might send. */
const CHANGES: readonly Change[] = [
  one('Host', HOSTS),
  one('Origin', ORIGINS),
  one('MCP-Protocol-Version', PROTOCOL_VERSIONS),
  one('Content-Type', TYPES),
  one('Content-Encoding', ENCODINGS),
  one('Accept', ACCEPTS),
  one('Connection', CONNECTIONS),
  one('X-Request-Id', REQUEST_IDS),
  one('X-Forwarded-For', ADDRESSES),
  one('Forwarded', ADDRESSES),
  ...OTHERS.map(([name, values]) => one(name, values)),
  (request, { pick }) => withoutHeader(request, pick(request.headers)[0]),
  (request, { pick }) => withHeader(request, pick(request.headers)),
  (request, { pick }) => {
    const [name, value] = pick(request.headers)
    return setHeader(
      request,
      pick([name.toUpperCase(), name.toLowerCase()]),
      pick([value, ` ${value}\t`, `${value},`]),
    )
  },
  (request, { pick, text }) =>
    withHeader(request, [pick(['__proto__', 'constructor', 'toString', text(60)]), text(9)]),
  (request, _, { password, clientSecret }) =>
    withHeader(
      request,
      ['Cookie', `session=${clientSecret}; pw=${password}`],
      ['X-Password', password],
    ),
  (request, _, { key, jwt }) =>
    withHeader(request, ['Referer', `http://localhost/?token=${jwt}`], ['X-Api-Key', key]),
  (request, { pick }) => ({
    ...setHeader(request, 'Origin', pick(ORIGINS)),
    method: 'OPTIONS',
    headers: [
      ...withoutHeader(request, 'origin').headers,
      ['Origin', pick(ORIGINS)],
      ['Access-Control-Request-Method', pick(['POST', 'GET', '', '__proto__'])],
      [
        'Access-Control-Request-Headers',
        pick(['authorization', '*', `${'mcp-param-a,'.repeat(100)}`, '\xff']),
      ],
    ],
  }),
]

export function mutateHeaders(request: HttpRequest, random: Random, secrets: Secrets): HttpRequest {
  let mutated = request
  for (let rounds = 1 + random.int(3); rounds > 0; rounds--) {
    mutated = random.pick(CHANGES)(mutated, random, secrets)
  }
  return mutated
}

/** A header with one of these values, in place of what it was or beside it. */
function one(name: string, values: readonly string[]): Change {
  return (request, { pick, chance }) =>
    chance(0.8)
      ? setHeader(request, name, pick(values))
      : withHeader(request, [name, pick(values)], [name, pick(values)])
}
