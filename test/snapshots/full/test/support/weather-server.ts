import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export const fineWeather = {
  current: { time: '2026-11-23T12:00', temperature_2m: 7.5, wind_speed_10m: 14 },
}

/** A weather service on this machine that answers as the test wants. */
export async function weatherServer(
  listener: RequestListener = (_req, res) => res.end(JSON.stringify(fineWeather)),
) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
