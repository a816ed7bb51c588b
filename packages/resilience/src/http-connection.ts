import { lookup as dnsLookup } from 'node:dns'
import { isIP, type LookupFunction, connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { type buildConnector, Client, errors } from 'undici'
import { type AddressRules, addressProblem } from './address.js'

export interface ConnectionOptions {
  rules: AddressRules
  connectTimeoutMs: number
  keepAliveMs: number
  maxHeaderBytes: number
}

/** One connection to an origin; it carries one exchange at a time. */
export interface Connection {
  client: Client
  /** By `performance.now()`; undefined until the first. One that was kept may have been closed meanwhile. */
  answeredAt: number | undefined
  openedAt: number
  /** What broke the socket, also where undici takes the answer for whole. */
  fault: Error | undefined
  /** Ends it now, also while it is being made; resolves when nothing of it is left. */
  destroy(): Promise<void>
}

/** Opens connections to one origin. Nothing is sent, nor looked up, before the first request. */
export function connectionsTo(origin: string, options: ConnectionOptions): () => Connection {
  const { rules, connectTimeoutMs, keepAliveMs, maxHeaderBytes } = options
  const open = opener(rules)

  return function openConnection() {
    let socket: Socket | undefined
    const connection: Connection = {
      client: new Client(origin, {
        connect,
        pipelining: 1,
        maxHeaderSize: maxHeaderBytes,
        keepAliveTimeout: keepAliveMs,
        // A server may ask for less, and a second less than that is used: its clock runs ahead of ours.
        keepAliveMaxTimeout: keepAliveMs,
        keepAliveTimeoutThreshold: 1000,
        // Its timers are exact to a second only, and start again at every early hint; see http-exchange.ts.
        headersTimeout: 0,
        bodyTimeout: 0,
      }),
      answeredAt: undefined,
      openedAt: performance.now(),
      fault: undefined,
      async destroy() {
        socket?.destroy()
        await connection.client.destroy()
        // `once` of node:events would reject at an error, which is told elsewhere.
        if (socket && !socket.closed) await new Promise((resolve) => socket?.once('close', resolve))
      },
    }
    function connect(to: buildConnector.Options, callback: buildConnector.Callback): void {
      socket = open(to)
      const openedAt = performance.now()
      Object.assign(connection, { answeredAt: undefined, openedAt, fault: undefined })
      socket.on('error', (error) => {
        connection.fault = error
      })
      tellWhenOpen(socket, connectTimeoutMs, callback)
    }
    return connection
  }
}

/** Open is: with TLS, where that is asked for. Of errors after that undici learns by itself. */
function tellWhenOpen(socket: Socket, timeoutMs: number, tell: buildConnector.Callback): void {
  const timer = setTimeout(() => {
    socket.destroy(new errors.ConnectTimeoutError(`no connection within ${timeoutMs} ms`))
  }, timeoutMs)
  const onError = (error: Error) => tell(error, null)
  socket.once('error', onError)
  socket.once('close', () => clearTimeout(timer))
  socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
    clearTimeout(timer)
    socket.off('error', onError)
    tell(null, socket)
  })
}

function opener(rules: AddressRules): (to: buildConnector.Options) => Socket {
  const lookup = guardedLookup(rules)
  // The last one that the server gave: resuming saves a round trip and the signatures.
  let session: Buffer | undefined

  return function open({ hostname, protocol, port }) {
    const isTls = protocol === 'https:'
    const to = { host: hostname, port: Number(port) || (isTls ? 443 : 80), lookup }
    if (!isTls) return netConnect(to).setNoDelay(true)
    // SNI knows names only; an address is checked against the certificate all the same.
    const servername = isIP(hostname) ? undefined : hostname
    const socket = tlsConnect({ ...to, servername, session, ALPNProtocols: ['http/1.1'] })
    socket.on('session', (next) => {
      session = next
    })
    return socket.setNoDelay(true)
  }
}

/** Looks up as Node would; one address that breaks the rules refuses the name, not only that address. */
function guardedLookup(rules: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      for (const { address } of addresses) {
        const problem = addressProblem(address, rules)
        if (problem) return callback(new Error(problem), [])
      }
      const [first] = addresses
      if (options.all || !first) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
