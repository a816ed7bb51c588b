import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect } from 'vitest'
import { type IntrospectionOptions, introspectedTokens } from '../src/index.js'

export const RESOURCE = 'https://mcp.example.com/mcp'

/** What was asked of the endpoint. */
export interface Question {
  url: string | undefined
  headers: IncomingMessage['headers']
  form: URLSearchParams
}
/** Gives a JSON answer, or undefined when it writes (or withholds) one itself. */
export type Reply = (token: string, res: ServerResponse) => unknown

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

export const valid = (claims: object = {}) => ({
  active: true,
  sub: 'alice',
  aud: RESOURCE,
  scope: 'catalog:read',
  ...claims,
})

/** An endpoint that answers as a test says: also what no honest server would. */
export async function startEndpoint(reply: Reply = () => valid()) {
  const questions: Question[] = []
  const script = { reply }
  let connections = 0
  const server = createServer(async (req, res) => {
    const form = new URLSearchParams(await text(req))
    questions.push({ url: req.url, headers: req.headers, form })
    const answer = await script.reply(form.get('token') ?? '', res)
    if (answer === undefined) return
    res.setHeader('content-type', 'application/json')
    res.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const failures: Error[] = []
  return {
    issuer,
    questions,
    failures,
    connections: () => connections,
    /** Answers otherwise from now on. */
    answer(next: Reply) {
      script.reply = next
    },
    /** Withholds answers from now on: `held` resolves when so many are waited for, `release` gives them. */
    hold(count: number, answer: object) {
      const waiting: (() => void)[] = []
      const held = new Promise<void>((resolve) => {
        script.reply = () =>
          new Promise((give) => {
            if (waiting.push(() => give(answer)) === count) resolve()
          })
      })
      const release = () => {
        script.reply = () => answer
        for (const give of waiting) give()
      }
      return { held, release }
    },
    verifier: (options: Partial<IntrospectionOptions> = {}) =>
      introspectedTokens({
        issuer,
        endpoint: `${issuer}/introspect`,
        audience: RESOURCE,
        clientId: 'mcp',
        clientSecret: 'hunter2',
        privateHosts: ['127.0.0.1'],
        onFailure: (error) => failures.push(error),
        ...options,
      }),
  }
}

export const invalid = (reason: string) =>
  expect.objectContaining({ code: 'ERR_AUTH_INVALID_TOKEN', reason })
export const unavailable = expect.objectContaining({ code: 'ERR_AUTH_UNAVAILABLE' })
