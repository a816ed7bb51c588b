import { defineTool, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { UpstreamError } from '../upstream/weather.js'

export const currentWeather = defineTool({
  name: 'current_weather',
  title: 'Current weather',
  description: 'Temperature and wind at a place on Earth, right now.',
  annotations: { readOnlyHint: true, openWorldHint: true },
  input: z.object({
    latitude: z.number().min(-90).max(90).describe('degrees north'),
    longitude: z.number().min(-180).max(180).describe('degrees east'),
  }),
  output: z.object({
    time: z.string().describe('ISO 8601, UTC'),
    temperatureC: z.number().describe('degrees Celsius'),
    windKmh: z.number().describe('kilometres an hour'),
  }),
  scopes: ['weather:read'],
  weight: 5,
  timeoutMs: 10_000,
  async run(place, { signal, services, log }) {
    try {
      return await services.weather.current(place, signal)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      log.warn('weather failed', { error })
      throw new ToolError('The weather service is not available; try again in a minute')
    }
  },
})
