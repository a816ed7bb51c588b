import { expect, onTestFinished } from 'vitest'
import {
  type BusEvent,
  type ConnectOptions,
  type RedisEventBusOptions,
  redisEventBus,
} from '../../src/index.js'
import { opened, ready } from './opened.js'

export const TOOLS: BusEvent = { kind: 'tools_list_changed' }
export const PROMPTS: BusEvent = { kind: 'prompts_list_changed' }
export const updated = (uri: string): BusEvent => ({ kind: 'resource_updated', uri })
export const textsOf = (events: readonly BusEvent[]) =>
  events.map((event) => (event.kind === 'resource_updated' ? event.uri : event.kind))

/** A bus on a connection of its own that listens, with what was heard and told. */
export async function openedBus(
  url: string,
  options: RedisEventBusOptions = {},
  connect: ConnectOptions = {},
) {
  const { redis } = opened(url, connect)
  await ready(redis)
  const changes: string[] = []
  const gaps: string[] = []
  const heard: BusEvent[] = []
  const bus = redisEventBus(redis, {
    onChange: (away, reason) => changes.push(away ? `away: ${reason}` : 'back'),
    onGap: (reason) => gaps.push(reason),
    ...options,
  })
  onTestFinished(() => bus.close())
  await expect.poll(() => bus.state().connected, { timeout: 20_000 }).toBe(true)
  bus.subscribe((event) => void heard.push(event))
  return { redis, bus, changes, gaps, heard, said: () => textsOf(heard) }
}
