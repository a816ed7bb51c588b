import type { RequestListener } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { currentWeather } from '../../src/tools/current-weather.js'
import { createWeather } from '../../src/upstream/weather.js'
import { toolContext } from '../support/tool-context.js'
import { weatherServer } from '../support/weather-server.js'

const place = { latitude: 59.3, longitude: 18.1 }
const opened: { close: () => void }[] = []
afterEach(() => {
  for (const server of opened.splice(0)) server.close()
})

async function weatherThat(listener?: RequestListener, timeoutMs = 1_000) {
  const server = await weatherServer(listener)
  opened.push(server)
  return createWeather(server.url, { timeoutMs })
}

it('asks for the place and hands on what it is told', async () => {
  let asked = ''
  const weather = await weatherThat((req, res) => {
    asked = req.url ?? ''
    res.end('{"current":{"time":"2026-11-23T12:00","temperature_2m":-3,"wind_speed_10m":9.5}}')
  })
  const answer = await currentWeather.run(place, toolContext({ services: { weather } }))
  expect(answer).toEqual({ time: '2026-11-23T12:00', temperatureC: -3, windKmh: 9.5 })
  expect(asked).toBe(
    '/v1/forecast?latitude=59.3&longitude=18.1&current=temperature_2m%2Cwind_speed_10m',
  )
  expect(weather.check).not.toThrow()
})

it.each<[string, RequestListener]>([
  ['answers 500', (_req, res) => res.writeHead(500).end('password=hunter2')],
  ['answers nonsense', (_req, res) => res.end('<html>')],
  ['answers another shape', (_req, res) => res.end('{"current":{}}')],
  ['hangs up', (req) => req.socket.destroy()],
  ['redirects', (_req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['sends without end', (_req, res) => res.end('x'.repeat(1_000_000))],
  ['never answers', () => {}],
])(
  'says that the service is not available when it %s, and reports it to the probes',
  async (_, listener) => {
    const weather = await weatherThat(listener, 200)
    const running = currentWeather.run(place, toolContext({ services: { weather } }))
    await expect(running).rejects.toThrow(
      'The weather service is not available; try again in a minute',
    )
    expect(weather.check).toThrow()
  },
)

it('stops when the caller goes away, and does not blame the service', async () => {
  const weather = await weatherThat(() => {})
  const controller = new AbortController()
  const running = currentWeather.run(
    place,
    toolContext({ services: { weather }, signal: controller.signal }),
  )
  controller.abort()
  await expect(running).rejects.toThrow()
  expect(weather.check).not.toThrow()
})
