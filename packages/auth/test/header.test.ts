import { describe, expect, it, vi } from 'vitest'
import { authenticate } from '../src/index.js'
import { sendLines, serve, someone } from './serve.js'

async function start(options = {}) {
  const verifier = vi.fn((_token: string) => someone())
  const handler = vi.fn((req, res) => req.resume().on('end', () => res.json({})))
  const server = await serve((app) => app.all('/mcp', authenticate(verifier), handler), options)
  return { ...server, verifier, handler }
}

describe('an Authorization header that parsers read differently', () => {
  const lines: [string, string[]][] = [
    ['folded over two lines', ['Authorization: Bearer', ' good']],
    ['folded inside the token', ['Authorization: Bearer goo', ' d']],
    ['folded with a tab', ['Authorization: Bearer', '\tgood']],
    ['with a null character', ['Authorization: Bearer good\0']],
    ['with a null character in the scheme', ['Authorization: Bear\0er good']],
    ['with a bare carriage return', ['Authorization: Bearer good\rX: y']],
    ['with a bare line feed', ['Authorization: Bearer\n good']],
    ['with a no-break space', ['Authorization: Bearer\xa0good']],
    ['with a next-line character', ['Authorization: Bearer good\x85']],
    ['with letters beyond ASCII', ['Authorization: Bearer g\xf6\xf6d']],
    ['with a tab as separator', ['Authorization: Bearer\tgood']],
    ['with a tab behind a comma', ['Authorization: Bearer good,\tBearer good']],
    ['joined with another by a proxy', ['Authorization: Bearer good, Bearer other']],
    ['joined without a space', ['Authorization: Bearer good,Bearer other']],
    ['joined with another scheme', ['Authorization: Basic Zm9v, Bearer good']],
    ['joined with an empty one', ['Authorization: , Bearer good']],
    ['with a semicolon', ['Authorization: Bearer good; Bearer other']],
    ['with a parameter', ['Authorization: Bearer token=good']],
    ['percent-encoded', ['Authorization: Bearer%20good']],
    ['with a space before the colon', ['Authorization : Bearer good']],
  ]

  it.each(lines)('reaches no verifier: %s', async (_case, header) => {
    const { port, verifier, handler } = await start()
    expect([400, 401]).toContain((await sendLines(port, header)).status)
    expect(verifier).not.toHaveBeenCalled()
    expect(handler).not.toHaveBeenCalled()
  })

  // Such a parser unfolds as RFC 9112 §5.2 has it, and then there is one token for all to see.
  const unfolded = ['folded over two lines', 'with a bare line feed']
  it.each(lines.filter(([name]) => !unfolded.includes(name)))(
    'reaches none behind a lenient parser either: %s',
    async (_case, header) => {
      const { port, verifier, handler } = await start({ insecureHTTPParser: true })
      expect([400, 401]).toContain((await sendLines(port, header)).status)
      expect(verifier).not.toHaveBeenCalled()
      expect(handler).not.toHaveBeenCalled()
    },
  )

  it('is refused by its length before anything reads it', async () => {
    const { port, verifier } = await start({ maxHeaderSize: 2_000_000 })
    const { status } = await sendLines(port, [`Authorization: Bearer ${'a'.repeat(1_000_000)}`])
    expect(status).toBe(401)
    expect(verifier).not.toHaveBeenCalled()
    const standard = await start()
    const long = [`Authorization: Bearer ${'a'.repeat(20_000)}`]
    expect((await sendLines(standard.port, long)).status).toBe(431)
  })
})

describe('a token beside the header', () => {
  it.each<[string, string[], string]>([
    ['in a header of a like name', ['X-Authorization: Bearer good'], ''],
    ['in a header that a gateway could map', ['Authorization_: Bearer good'], ''],
    ['where browsers put one for a socket', ['Sec-WebSocket-Protocol: bearer, good'], ''],
    ['in user and password of the target', [], 'http://bearer:good@localhost/mcp'],
    ['in the fragment', [], '/mcp#access_token=good'],
    ['in the query, under another name', [], '/mcp?authorization=Bearer%20good&token=good'],
  ])('is none: %s', async (_case, lines, target) => {
    const { port, verifier } = await start()
    const request = `GET ${target || '/mcp'} HTTP/1.1`
    expect([400, 401, 404]).toContain((await sendLines(port, lines, request)).status)
    expect(verifier).not.toHaveBeenCalled()
  })

  it('is none in a trailer', async () => {
    const { port, verifier } = await start()
    const upload = ['Transfer-Encoding: chunked', 'Trailer: Authorization', '', '1', 'x', '0']
    const lines = [...upload, 'Authorization: Bearer good']
    expect((await sendLines(port, lines, 'POST /mcp HTTP/1.1')).status).toBe(401)
    expect(verifier).not.toHaveBeenCalled()
  })

  it('in a trailer does not make a second one of the one that counts', async () => {
    const { port, verifier } = await start()
    const upload = ['Transfer-Encoding: chunked', '', '1', 'x', '0', 'Authorization: Bearer other']
    const lines = ['Authorization: Bearer good', ...upload]
    expect((await sendLines(port, lines, 'POST /mcp HTTP/1.1')).status).toBe(200)
    expect(verifier.mock.calls).toEqual([['good']])
  })
})
