import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerInteraction } from './consent.js'
import { type AuthServerOptions, createProvider } from './provider.js'

export interface ListenOptions extends Omit<AuthServerOptions, 'issuer'> {
  /** 0 for a free one. */
  port: number
  host?: string
}

/** Serves an authorization server for development; its issuer is `http://localhost:<port>`. */
export async function listenAuthServer(options: ListenOptions) {
  const { port, host = '127.0.0.1', ...rest } = options
  const server = createServer()
  server.listen(port, host)
  await once(server, 'listening')
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`
  const provider = createProvider({ issuer, ...rest })
  const serve = provider.callback()
  const { port: actual } = new URL(issuer)
  const hosts = [`localhost:${actual}`, `127.0.0.1:${actual}`]
  const listener: RequestListener = (req, res) => {
    // Under another name a web page could rebind to this machine it could press the button itself.
    if (!hosts.includes(req.headers.host ?? '')) {
      return void res.writeHead(403, { Connection: 'close' }).end('This Host is not allowed.\n')
    }
    if (!req.url?.startsWith('/interaction/')) return void serve(req, res)
    answerInteraction(provider, req, res).catch(() => {
      // An interaction that has expired, or a stranger's request.
      if (!res.headersSent) res.writeHead(400, { 'Content-Type': 'text/plain' })
      res.end('This sign-in has expired; start again from the client.\n')
    })
  }
  server.on('request', listener)
  return {
    issuer,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
