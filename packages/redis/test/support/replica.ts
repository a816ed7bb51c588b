/** A process of its own with a bus, told by its parent what to publish, which tells what it hears. */
import { type BusEvent, connectRedis, redisEventBus } from '../../src/index.js'

const tell = (kind: string, value: unknown) => process.send?.({ kind, value })
const redis = connectRedis(process.argv[2] ?? '')
const bus = redisEventBus(redis, { onGap: (reason) => tell('gap', reason) })
bus.subscribe((event) => tell('heard', event))

process.on('message', (event: BusEvent | 'close') => {
  if (event !== 'close') return bus.publish(event)
  bus.close().then(async () => {
    tell('closed', bus.state())
    await redis.close()
    process.disconnect()
  })
})

const timer = setInterval(() => {
  if (!bus.state().connected) return
  clearInterval(timer)
  tell('ready', undefined)
}, 20)
