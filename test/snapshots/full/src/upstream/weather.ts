import { z } from 'zod'

const MAX_ANSWER_BYTES = 64 * 1024
const FAILURE_REMEMBERED_MS = 30_000

const answer = z.object({
  current: z.object({ time: z.string(), temperature_2m: z.number(), wind_speed_10m: z.number() }),
})

export interface CurrentWeather {
  time: string
  temperatureC: number
  windKmh: number
}

export interface Weather {
  /** @throws UpstreamError when the service does not answer well in time. */
  current(
    place: { latitude: number; longitude: number },
    signal: AbortSignal,
  ): Promise<CurrentWeather>
  /** Fails for half a minute after a failed call. It sends nothing itself, so probes are no load upstream. */
  check(): void
}

/** The weather service could not be used; its message is for the log. */
export class UpstreamError extends Error {
  override name = 'UpstreamError'
}

/** A client of the Open-Meteo forecast API, or of what speaks like it at `baseUrl`. */
export function createWeather(baseUrl: string | URL, options: { timeoutMs: number }): Weather {
  const { timeoutMs } = options
  let failure: { error: UpstreamError; at: number } | undefined

  async function current(place: { latitude: number; longitude: number }, signal: AbortSignal) {
    const url = new URL('v1/forecast', baseUrl)
    url.searchParams.set('latitude', String(place.latitude))
    url.searchParams.set('longitude', String(place.longitude))
    url.searchParams.set('current', 'temperature_2m,wind_speed_10m')
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      const response = await fetch(url, { signal: deadline, redirect: 'error' })
      const body = await readAtMost(response, MAX_ANSWER_BYTES)
      if (!response.ok) throw new UpstreamError(`weather answered ${response.status}`)
      const { current } = answer.parse(JSON.parse(body))
      failure = undefined
      return {
        time: current.time,
        temperatureC: current.temperature_2m,
        windKmh: current.wind_speed_10m,
      }
    } catch (cause) {
      const error =
        cause instanceof UpstreamError ? cause : new UpstreamError('weather call failed', { cause })
      // A caller who went away says nothing about the service.
      if (!signal.aborted) failure = { error, at: Date.now() }
      throw error
    }
  }

  function check() {
    if (failure && Date.now() - failure.at < FAILURE_REMEMBERED_MS) throw failure.error
  }

  return { current, check }
}

/** Reads a body to its end, whatever the status, so that the connection can be used again. */
async function readAtMost(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new UpstreamError(`weather answered more than ${maxBytes} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
