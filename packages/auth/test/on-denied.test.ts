import { jsonBody } from '@mcp-prod/rpc'
import express from 'express'
import { expect, it, vi } from 'vitest'
import { authorize } from '../src/index.js'

it('tells onDenied of each refusal for lack of a scope, and of nothing else', async () => {
  const onDenied = vi.fn()
  const app = express()
  app.post(
    '/mcp',
    (req, _res, next) => {
      const auth = { token: '[redacted]', clientId: 'a', scopes: ['read'] }
      if (req.headers['x-anonymous'] === undefined) Object.assign(req, { auth })
      next()
    },
    jsonBody(),
    authorize((call) => (call.name === 'write' ? ['write'] : ['read']), { onDenied }),
    (_req, res) => void res.json({}),
  )
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const post = async (name: string, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }),
    })
    return response.status
  }
  expect([
    await post('list'),
    await post('write'),
    await post('write', { 'x-anonymous': '1' }),
  ]).toEqual([200, 403, 401])
  expect(onDenied).toHaveBeenCalledTimes(1)
  expect(onDenied.mock.calls[0]?.[0].body.params).toEqual({ name: 'write' })
  server.closeAllConnections()
  server.close()
})
