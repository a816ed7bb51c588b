import { createHash, randomUUID } from 'node:crypto'
import { RedisError } from '@mcp-prod/redis'
import { type Principal, type ToolContext, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { keyPrefix, type Redis } from './redis.js'

export const noteName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/)
  .describe('lower-case letters, digits, _ . and -, such as shopping-list')

const MAX_NOTES = 100
const KEPT_SECONDS = 7 * 24 * 60 * 60
/** Before each text stands its version: another one with every write, and by it nobody learns the text. */
const VERSION_LENGTH = 36

/** In one step at the server, so that calls at the same time cannot pass the bound together. */
const WRITE = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`

/** Only what was agreed to: another call may have written it anew meanwhile. */
const FORGET = `
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept or string.sub(kept, 1, ${VERSION_LENGTH}) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])`

/** Each caller's own notes, forgotten a week after the last one was written. */
export const notes = {
  /** @returns false when the caller has as many notes as one may have. */
  async write(redis: Redis, owner: Principal | undefined, name: string, text: string) {
    const words = [keyOf(owner), name, `${randomUUID()}${text}`, MAX_NOTES, KEPT_SECONDS]
    return (await redis.use((client) => client.eval(WRITE, 1, ...words))) === 1
  },
  /** @returns null when there is none of this name. */
  async read(redis: Redis, owner: Principal | undefined, name: string) {
    const kept = await redis.use((client) => client.hget(keyOf(owner), name))
    if (kept === null) return null
    return { version: kept.slice(0, VERSION_LENGTH), text: kept.slice(VERSION_LENGTH) }
  },
  async names(redis: Redis, owner: Principal | undefined) {
    return redis.use((client) => client.hkeys(keyOf(owner)))
  },
  /** @returns false when it is not this version any more. */
  async forget(redis: Redis, owner: Principal | undefined, name: string, version: string) {
    const words = [keyOf(owner), name, version]
    return (await redis.use((client) => client.eval(FORGET, 1, ...words))) === 1
  },
}

/** Stands for a caller in the URIs of its notes, which others may see and cannot read. */
export function ownerOf(owner: Principal | undefined): string {
  return hashOf(owner).slice(0, 16)
}

export function noteUri(owner: Principal | undefined, name: string): string {
  return `note://${ownerOf(owner)}/${name}`
}

function keyOf(owner: Principal | undefined): string {
  return `${keyPrefix}notes:${hashOf(owner)}`
}

/** Whatever a caller is called, it is a hash: no name reaches into another one's notes. */
function hashOf(owner: Principal | undefined): string {
  const identity = JSON.stringify(owner ? [owner.tenant ?? null, owner.id] : 'stdio')
  return createHash('sha256').update(identity).digest('hex')
}

/** What a tool tells its caller while Redis is away. */
export async function whileRedisAnswers<T>(log: ToolContext['log'], work: () => Promise<T>) {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RedisError)) throw error
    log.warn('notes failed', { reason: error.message })
    throw new ToolError('Notes are not available; try again in a minute')
  }
}
