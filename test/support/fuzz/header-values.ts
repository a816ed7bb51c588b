import { MARK } from './hostile.js'
import { list } from './list.js'

export const PROTOCOL_VERSIONS = list(
  '2026-07-28|2025-11-25|2025-06-18|2024-11-05|1999-01-01|9999-12-31||draft|__proto__|constructor',
  '2026-07-28, 2025-11-25|2026-07-28\xff',
)

export const HOSTS = list(
  '|evil.example|localhost|127.0.0.1:1|127.0.0.1:99999|127.0.0.1:|127.1|[::1]|localhost.|LOCALHOST',
  'localhost:0|0x7f.1|2130706433|[::ffff:127.0.0.1]|localhost,evil|localhost@evil.example|[|\xff',
  `evil.example#localhost|localhost/..|..|${'a'.repeat(5_000)}`,
)

export const ORIGINS = list(
  'null||https://evil.example|http://localhost|http://127.0.0.1:8080|file://|*|javascript:1|http://[',
  'https://localhost.evil.example|https://a, https://b|\xff',
)

export const TYPES = list(
  '|text/plain|application/json; charset=utf-16|application/json;charset=utf-8|APPLICATION/JSON|/',
  'application/json; charset="utf-8"; x=y|application/jsonx|application/json, text/plain|__proto__',
  'application/x-www-form-urlencoded|multipart/form-data; boundary=x|application/json;',
)

export const ENCODINGS = list(`gzip|deflate|br|zstd|identity|gzip, gzip||${'x'.repeat(500)}`)

export const ACCEPTS = list(
  '|*/*|text/html|application/json|text/event-stream|application/json;q=0|,,,|\xff',
)

export const CONNECTIONS = list(
  `close|keep-alive|upgrade|Authorization|Host, Content-Length||${'x'.repeat(200)}`,
)

export const ADDRESSES = list(
  '127.0.0.1|::1|10.0.0.1, 8.8.8.8|unknown|for="[::1]:x";proto=https|-',
  '1'.repeat(2_000),
)

export const REQUEST_IDS = list(
  `|abc|a b|../x|{"a":1}|\xe2\x80\xae|x\t${MARK}: 1|__proto__|%0d%0a|"|\\|<script>`,
  `${'a'.repeat(128)}|${'a'.repeat(129)}`,
)

/** Other headers that something here might look at, with what they might hold. */
export const OTHERS: [name: string, values: string[]][] = [
  ['X-Forwarded-Host', HOSTS],
  ['X-Forwarded-Proto', list('https|javascript||a,b')],
  ['X-HTTP-Method-Override', list('DELETE|GET')],
  ['Mcp-Method', list(`tools/call|ping||__proto__|tools/call, ping|\xff|${'x'.repeat(3_000)}`)],
  ['Mcp-Name', list('countdown|summarize_numbers||=?base64?eA==?=|=?base64?!?=|__proto__|\xff')],
  ['Mcp-Session-Id', list(`x||../../x|\xff|__proto__|${'a'.repeat(4_000)}`)],
  ['Last-Event-ID', list(`0|-1||../x|${'a'.repeat(4_000)}`)],
  ['Traceparent', list(`00-0-0-00||${'x'.repeat(600)}|${'00-'.repeat(50)}`)],
  ['Range', list('bytes=0-0|bytes=-1|bytes=0-,1-,2-')],
  ['If-None-Match', list('*|"x"|W/"x"')],
]
