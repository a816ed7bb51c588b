import { currentRequestId } from '@mcp-prod/logging'
import { type HttpClientOptions, httpClient } from '@mcp-prod/resilience'
import { z } from 'zod'

const answer = z.object({
  current: z.object({ time: z.string(), temperature_2m: z.number(), wind_speed_10m: z.number() }),
})

export interface CurrentWeather {
  time: string
  temperatureC: number
  windKmh: number
}

export type Weather = ReturnType<typeof createWeather>

/** Who looks on: metrics and traces. */
export type Watched = Pick<HttpClientOptions, 'onEvent' | 'trace'>

/** The weather service could not be used; its message is for the log. */
export class UpstreamError extends Error {
  override name = 'UpstreamError'
}

export interface WeatherSettings {
  WEATHER_URL: string | URL
  /** Milliseconds for a whole call, retries included. */
  WEATHER_TIMEOUT: number
}

/**
 * A client of the Open-Meteo forecast API, or of what speaks like it: pooled and bounded connections, retries for what
 * passes, and a breaker, so that a service that is gone costs nothing.
 */
export function createWeather(
  { WEATHER_URL: baseUrl, WEATHER_TIMEOUT: totalMs }: WeatherSettings,
  watched: Watched = {},
) {
  const http = httpClient('weather', {
    baseUrl,
    timeout: { totalMs, attemptMs: Math.ceil(totalMs / 2) },
    maxResponseBytes: 64 * 1024,
    headers: () => ({ 'X-Request-Id': currentRequestId() }),
    ...watched,
  })

  return {
    /** @throws UpstreamError when the service does not answer well in time. */
    async current(
      place: { latitude: number; longitude: number },
      signal: AbortSignal,
    ): Promise<CurrentWeather> {
      const query = new URLSearchParams({
        latitude: String(place.latitude),
        longitude: String(place.longitude),
        current: 'temperature_2m,wind_speed_10m',
      })
      try {
        const response = await http.request(`v1/forecast?${query}`, { signal })
        if (response.status !== 200) throw new UpstreamError(`weather answered ${response.status}`)
        const { current } = answer.parse(response.json())
        return {
          time: current.time,
          temperatureC: current.temperature_2m,
          windKmh: current.wind_speed_10m,
        }
      } catch (cause) {
        // Of the service it says nothing that nobody waits any more.
        if (cause instanceof UpstreamError || signal.aborted) throw cause
        throw new UpstreamError('weather call failed', { cause })
      }
    },
    /** Fails while the breaker is open. It sends nothing itself, so probes are no load upstream. */
    check: () => http.check(),
    close: () => http.close(),
  }
}
