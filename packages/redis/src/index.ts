export { type ConnectOptions, connectRedis, type RedisConnection } from './connect-redis.js'
export type { RedisClient, TlsOptions } from './create-client.js'
export type { BusEvent } from './events.js'
export type { Charge, Meters, Reading, Verdict } from './meters.js'
export { RedisError } from './redis-error.js'
export {
  type EventBusState,
  type RedisEventBus,
  type RedisEventBusOptions,
  redisEventBus,
} from './redis-event-bus.js'
export {
  type RedisEventStore,
  type RedisEventStoreOptions,
  type RedisStoredEvent,
  redisEventStore,
} from './redis-event-store.js'
export {
  type MetersState,
  type RedisMeters,
  type RedisMetersOptions,
  redisMeters,
} from './redis-meters.js'
export { isRedisUrl, parseRedisUrl, type RedisTarget } from './redis-url.js'
export type { Logger } from './watch-connection.js'
