import type { RequestListener } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { currentWeather } from '../../src/tools/current-weather.js'
import { createWeather } from '../../src/upstream/weather.js'
import { toolContext } from '../support/tool-context.js'
import { fineWeather, weatherServer } from '../support/weather-server.js'

const place = { latitude: 59.3, longitude: 18.1 }
const unavailable = 'The weather service is not available; try again in a minute'
const opened: { close: () => unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function weatherThat(listener?: RequestListener, timeoutMs = 5_000) {
  const server = await weatherServer(listener)
  const weather = createWeather({ WEATHER_URL: server.url, WEATHER_TIMEOUT: timeoutMs })
  opened.push(weather, server)
  return weather
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
})

it('asks again when the service fails once', async () => {
  let calls = 0
  const weather = await weatherThat((_req, res) => {
    calls++
    if (calls === 1) res.writeHead(503).end()
    else res.end(JSON.stringify(fineWeather))
  })
  const answer = await currentWeather.run(place, toolContext({ services: { weather } }))
  expect(answer).toMatchObject({ temperatureC: 7.5 })
  expect(calls).toBe(2)
})

it.each<[string, RequestListener]>([
  ['answers 500', (_req, res) => res.writeHead(500).end('password=hunter2')],
  ['answers nonsense', (_req, res) => res.end('<html>')],
  ['answers another shape', (_req, res) => res.end('{"current":{}}')],
  ['hangs up', (req) => req.socket.destroy()],
  ['redirects', (_req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['sends without end', (_req, res) => res.end('x'.repeat(1_000_000))],
  ['never answers', () => {}],
])('says that the service is not available when it %s', async (_, listener) => {
  const weather = await weatherThat(listener, 500)
  const running = currentWeather.run(place, toolContext({ services: { weather } }))
  await expect(running).rejects.toThrow(unavailable)
})

it('stops asking a service that keeps failing, and tells the probes', async () => {
  let calls = 0
  const weather = await weatherThat((_req, res) => {
    calls++
    res.writeHead(500).end()
  })
  const ask = () => currentWeather.run(place, toolContext({ services: { weather } }))
  expect(weather.check).not.toThrow()
  for (let i = 0; i < 10; i++) await expect(ask()).rejects.toThrow(unavailable)
  expect(weather.check).toThrow()
  const before = calls
  await expect(ask()).rejects.toThrow(unavailable)
  expect(calls).toBe(before)
})

it('stops when the caller goes away, and does not blame the service', async () => {
  const weather = await weatherThat(() => {})
  for (let i = 0; i < 20; i++) {
    const controller = new AbortController()
    const running = currentWeather.run(
      place,
      toolContext({ services: { weather }, signal: controller.signal }),
    )
    controller.abort()
    await expect(running).rejects.toThrow()
  }
  expect(weather.check).not.toThrow()
})
