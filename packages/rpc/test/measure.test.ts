import { once } from 'node:events'
import { connect } from 'node:net'
import express from 'express'
import { expect, it } from 'vitest'
import { jsonBody } from '../src/index.js'
import { excessOf } from '../src/measure.js'
import { echoApp, listen, post } from './support.js'

const measures = { maxDepth: 4, maxKeys: 5, maxItems: 8 }

it.each<[string, string, string | undefined]>([
  ['as much as is allowed', '{"a":1,"b":2,"c":3,"d":4,"e":[[[]]]}', undefined],
  ['as many items as are allowed', '[ [ ] , { } , [\n[\t] ] , 1 , 2 , 3 , 4 ]', undefined],
  ['one item more', '[ [ ] , { } , [\n[\t] ] , 1 , 2 , 3 , [ 4 ] ]', 'has more than 8 items'],
  ['too deep', '[[[[[', 'nests deeper than 4 levels'],
  [
    'too many keys in one object',
    '{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}',
    'has more than 5 members in its objects',
  ],
  [
    'too many keys in many objects',
    '[{"a":1,"b":2,"c":3},{"a":1,"b":2,"c":3}]',
    'has more than 5 members in its objects',
  ],
  ['too many items', '[1,2,3,4,5,6,7,8,9]', 'has more than 8 items'],
  ['too many items in many lists', '[[1,2,3],[4,5,6,7]]', 'has more than 8 items'],
  ['too many lists of one item', '[[[1]],[[1]],[[1]]]', 'has more than 8 items'],
  ['too many objects of one member', '[{"a":[1]},{"a":[1]},{"a":[1]}]', 'has more than 8 items'],
  ['signs in texts, which do not count', '["[[[[[[,,,,,,,,::::::::","\\\\",",\\",:"]', undefined],
])('measures %s', (_, text, expected) => {
  expect(excessOf(text, measures)).toBe(expected)
})

it('refuses a body of 20,000 distinct keys, and passes one of 5,000', async () => {
  const app = express()
  app.post('/', jsonBody(), (_req, res) => void res.json({ passed: true }))
  const { url } = await listen(app)
  const send = async (count: number) => {
    const _meta = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, []]))
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta } }),
    })
    return { status: response.status, body: await response.json() }
  }
  expect(await send(5_000)).toEqual({ status: 200, body: { passed: true } })
  expect(await send(20_000)).toMatchObject({ status: 400, body: { error: { code: -32600 } } })
})

it('bounds one list as all lists together, whatever they are made of', async () => {
  const { url } = await listen(echoApp())
  const send = (list: string) => post(url, `{"id":1,"method":"ping","params":{"list":${list}}}`)
  const list = (count: number, item: string) => `[${Array(count).fill(item).join(',')}]`
  const chain = `${'['.repeat(60)}${']'.repeat(60)}`
  // Four members and 99,996 items.
  expect((await send(list(99_996, '1'))).status).toBe(200)
  const excessive = [
    list(99_997, '1'),
    list(10, list(10_000, '1')),
    list(50_000, '[1]'),
    // Four million bytes in which no list is longer than 33,000.
    list(33_000, chain),
  ]
  for (const text of excessive) {
    expect(await send(text)).toMatchObject({
      status: 400,
      body: { error: { code: -32600, message: expect.stringContaining('more than 100000 items') } },
    })
  }
})

it('tells the sender of a body that nobody reads to stop', async () => {
  const app = express()
  app.all('/', jsonBody(), (_req, res) => void res.status(405).end())
  const { port } = await listen(app)
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.write('DELETE / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc')
  const [answer] = await once(socket, 'data')
  expect(answer).toMatch(/^HTTP\/1\.1 405 /)
  expect(answer).toMatch(/connection: close/i)
  socket.destroy()
})
