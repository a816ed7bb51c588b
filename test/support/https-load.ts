import { Agent, request } from 'node:https'

export interface HttpsLoad {
  /** Names of the certificates that were seen, by how many requests. */
  seen: Map<string, number>
  failures: string[]
  /** Ends the load when every request under way is answered. */
  stop(): Promise<void>
}

interface Options {
  ca: Buffer
  headers: Record<string, string>
  body: string
}

/** Sends requests without a pause on kept and on fresh connections, until it is stopped. */
export function httpsLoad(url: URL, { ca, headers, body }: Options): HttpsLoad {
  const kept = new Agent({ ca, keepAlive: true, maxSockets: 4 })
  const fresh = new Agent({ ca, keepAlive: false, maxSockets: 4, maxCachedSessions: 0 })
  const seen = new Map<string, number>()
  const failures: string[] = []
  let stopped = false

  function once(agent: Agent): Promise<void> {
    return new Promise((resolve) => {
      const sent = request(url, { agent, method: 'POST', headers }, (response) => {
        const socket = response.socket as import('node:tls').TLSSocket
        const name = String(socket.getPeerCertificate().subject?.CN)
        seen.set(name, (seen.get(name) ?? 0) + 1)
        if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`)
        response.resume().once('close', resolve)
      })
      sent.once('error', (error) => {
        failures.push(String(error))
        resolve()
      })
      sent.end(body)
    })
  }

  async function worker(agent: Agent) {
    while (!stopped) await once(agent)
  }

  const workers = [kept, kept, fresh, fresh].map(worker)
  return {
    seen,
    failures,
    async stop() {
      stopped = true
      await Promise.all(workers)
      kept.destroy()
    },
  }
}
