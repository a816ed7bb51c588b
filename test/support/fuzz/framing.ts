import { flipped, inChunk, inPieces, spliced } from './bytes.js'
import {
  CHUNK_SIZES,
  CODINGS,
  EXPECTATIONS,
  FOREIGN,
  LENGTHS,
  LINES,
  METHODS,
  PROTOCOLS,
  TARGETS,
  VERSIONS,
} from './framing-values.js'
import { MARK } from './hostile.js'
import {
  encode,
  encodeHead,
  type HttpRequest,
  setHeader,
  withHeader,
  withoutHeader,
} from './http.js'
import type { Random } from './random.js'
import type { Secrets } from './secrets.js'

type Part = string | Buffer
type Breaking = (request: HttpRequest, random: Random, secrets: Secrets) => Part | readonly Part[]

export interface Broken {
  /** Sent one after the other. */
  parts: Buffer[]
  /** Whether bytes were changed without regard to what they mean. */
  garbled: boolean
}

/** A request whose form, not whose meaning, is wrong. */
export function breakFraming(request: HttpRequest, random: Random, secrets: Secrets): Broken {
  const garbled = random.chance(0.12)
  const breaking = random.pick(garbled ? GARBLINGS : BREAKINGS)
  const parts = [breaking(request, random, secrets)].flat()
  return {
    parts: parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
    garbled,
  }
}

/** A second request hidden where one reader sees a body and another the next request. */
const hidden = ({ key }: Secrets) =>
  `POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n` +
  'Content-Type: application/json\r\nContent-Length: 40\r\n\r\n{"jsonrpc":"2.0","id":7,"method":"ping"}'

const GARBLINGS: readonly Breaking[] = [
  (request, random) => flipped(encode(request), random),
  (request, random) => spliced(encode(request), random),
  (request, random) =>
    Buffer.concat([encode(request), flipped(encode(request), random), encode(request)]),
]

const BREAKINGS: readonly Breaking[] = [
  // Too little, too slow, or nothing of the kind
  (request, { int }) => {
    const bytes = encode(request)
    return bytes.subarray(0, int(bytes.length))
  },
  (request, { int }) => inPieces(encode(request), 2 + int(12)),
  (_, { pick }) => pick(FOREIGN),
  (_, { bytes, int }) => bytes(1 + int(400)),
  // The request line
  (request, { pick }) => encode({ ...request, method: pick(METHODS) }),
  (request, { pick }) => encode({ ...request, version: pick(VERSIONS) }),
  (request, { pick }) => encode({ ...request, target: pick(TARGETS) }),
  (request, { pick }) =>
    encode(request)
      .toString('latin1')
      .replace(/\r\n/g, pick(['\n', '\r', '\n\r', '\r\r\n'])),
  // Header lines
  (request, { pick }) =>
    encode(request)
      .toString('latin1')
      .replace('\r\n', `\r\n${pick(LINES)}\r\n`),
  (request, { pick }) =>
    encode(request)
      .toString('latin1')
      .replace('\r\n', `\r\n${pick(LINES)}\r\n`),
  (request, { pick }) =>
    encode(withHeader(request, ['X', 'y'.repeat(pick([15_000, 17_000, 90_000]))])),
  (request, { pick }) => encode(withHeader(request, ['Z'.repeat(pick([200, 17_000])), 'y'])),
  (request, { pick }) =>
    encode(withHeader(request, ...Array(pick([90, 500, 2_100])).fill(['A', 'b'] as const))),
  // Two ways to say how long it is
  (request, { pick }) => encode(setHeader(request, 'Content-Length', pick(LENGTHS))),
  (request, { pick }) =>
    encode(withHeader(request, ['Content-Length', '5'], ['Content-Length', pick(['5', '6', '0'])])),
  (request, { int }) =>
    encode(setHeader(request, 'Content-Length', String(int(2 * request.body.length + 10)))),
  (request, { pick }) => encode(setHeader(request, 'Transfer-Encoding', pick(CODINGS))),
  (request, { pick }, secrets) => {
    const both = withHeader(
      request,
      ['Content-Length', pick(['0', '4', '200'])],
      ['Transfer-Encoding', pick(CODINGS)],
    )
    return [encodeHead(both), `0\r\n\r\n${hidden(secrets)}`]
  },
  (request, _, secrets) => [encodeHead(setHeader(request, 'Content-Length', '0')), hidden(secrets)],
  (request, _, secrets) => encode(withHeader(request, ['X', `a\r\n\r\n${hidden(secrets)}`])),
  // Chunks
  (request, { pick }) => chunked(request, [`${pick(CHUNK_SIZES)}\r\nabcde\r\n`, '0\r\n\r\n']),
  (request, { pick }) => chunked(request, [inChunk(request.body), `${pick(CHUNK_SIZES)}\r\n`]),
  (request) => chunked(request, [inChunk(request.body)]),
  (request, { int }) =>
    chunked(request, [...inPieces(request.body, 2 + int(9)).map(inChunk), '0\r\n\r\n']),
  (request, _, { password }) =>
    chunked(request, [
      inChunk(request.body),
      `0\r\nAuthorization: Bearer ${password}\r\n${MARK}: 1\r\n\r\n`,
    ]),
  (request) => chunked(request, [inChunk(request.body), '0\r\n\r\n', '0\r\n\r\n']),
  (request) => chunked(request, ['5\r\nabcdeXX\r\n0\r\n\r\n']),
  // What a client may ask of the connection
  (request, { pick }) => {
    const asking = withHeader(request, ['Expect', pick(EXPECTATIONS)])
    return [encodeHead(asking), request.body]
  },
  (request, { pick }) => encodeHead(withHeader(request, ['Expect', pick(EXPECTATIONS)])),
  (request, { pick }) =>
    encode(
      withHeader(
        request,
        ['Connection', 'Upgrade'],
        ['Upgrade', pick(PROTOCOLS)],
        ['Sec-WebSocket-Key', 'eA=='],
      ),
    ),
  (request) => encode({ ...withoutHeader(request, 'host'), version: 'HTTP/1.0' }),
  // Further requests before the first is answered
  (request, { pick }) => Buffer.concat(Array(pick([2, 3, 20, 110])).fill(encode(request))),
]

function chunked(request: HttpRequest, parts: readonly Part[]): Part[] {
  return [encodeHead(setHeader(request, 'Transfer-Encoding', 'chunked')), ...parts]
}
