import { MARK } from './hostile.js'
import { list } from './list.js'

export const LENGTHS = list('-1|+5|0x5|1e3|5,5|5, 6|| |99999999999999999999|5;|NaN|05|5 5')

export const CODINGS = list(
  'chunked|chunked, identity|identity|gzip, chunked|xchunked|chunked, chunked|Chunked|',
  '\x0bchunked|"chunked"|chunked;q=1| chunked|chunked\t|identity, chunked',
)

export const CHUNK_SIZES = list(
  '-1|0x5|ffffffffffffffff|fffffffff|5;x=y|5 | 5|+5||z|00000005|5\n|5\r\r|1_0|\xff|5,5',
  `5;a="\r\n"|5;${'x'.repeat(20_000)}`,
)

export const METHODS = list(
  `get|post|Post|P\0ST|POST\t|PRI|CONNECT||GET GET|{}|\xff|${'A'.repeat(9_000)}`,
)

export const VERSIONS = list(
  'HTTP/1.0|HTTP/0.9|HTTP/2.0|HTTP/9.9|http/1.1|HTTP/1.1 |HTTP/1.12|HTTPS/1.1||HTTP/|HTTP /1.1',
)

export const TARGETS = list('/mcp /x||/a\tb|/\0|mcp|/mcp\rx|a:1')

/** Header lines that are none, or that one reader takes for another. */
export const LINES = list(
  'X: a\r\n b|X : 1| X: 1|: 1|X|X\0: 1|X: \0|X: a\rb|X: \x01\x02|X\xff: 1|X: \xff\xfe|X: a\nY: b|\r',
  'Host : x|Content-Length\r\n : 5|Transfer-Encoding\t: chunked|(X): 1|X;: 1|\tfolded|X:\x7f',
  `X: a\r${MARK}: 1|Authorization\0: x|Authorization: a\r\n\tb`,
)

export const EXPECTATIONS = list(
  `100-continue|100-Continue|200-ok||100-continue, x|${'x'.repeat(100)}`,
)

export const PROTOCOLS = list('websocket|h2c|HTTP/2.0|TLS/1.0|')

/** TLS, HTTP/2 and others that do not speak HTTP/1.1 at all. */
export const FOREIGN = list(
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0|\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03',
  'SSH-2.0-x\r\n|\0\0\0\0|\r\n\r\n\r\n|EHLO x\r\n|GET\r\n\r\n|GET /\r\n\r\n| GET / HTTP/1.1\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\n|{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
)
