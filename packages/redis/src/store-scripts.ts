import { script } from './script.js'

/** What an event costs besides its text, roughly. */
export const OVERHEAD_BYTES = 64

/**
 * Of each session a list of events, the oldest first, each with when it came by the clock of Redis; of all together when
 * each had its last event, and how many bytes and events each has, with their sums. Whole sessions give way to others.
 */
const BOOKS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local index, sizes = KEYS[2], KEYS[3]
local session, prefix = ARGV[1], ARGV[2]
local function sizeOf(of)
  local bytes, events = string.match(redis.call('HGET', sizes, of) or '', '^(%d+) (%d+)$')
  return tonumber(bytes) or 0, tonumber(events) or 0
end
local function change(bytes, events)
  return redis.call('HINCRBY', sizes, '#bytes', bytes), redis.call('HINCRBY', sizes, '#events', events)
end
local function forget(of)
  local bytes, events = sizeOf(of)
  redis.call('DEL', prefix .. of)
  redis.call('ZREM', index, of)
  redis.call('HDEL', sizes, of)
  return change(0 - bytes, 0 - events)
end`

/** No more than so many sessions give way to one event, so that others do not wait for this. */
const append = script(`${BOOKS}
local list, value = KEYS[1], string.format('%.0f ', now) .. ARGV[3]
local maxEvents, maxOwn, maxAll, maxAge = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local overhead = ${OVERHEAD_BYTES}
for _, old in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now - maxAge, 'LIMIT', 0, 100)) do forget(old) end
local bytesBefore, eventsBefore = sizeOf(session)
local bytes = redis.call('EXISTS', list) == 1 and bytesBefore or 0
local events = redis.call('RPUSH', list, value)
bytes = bytes + #value + overhead
local function isOver()
  local at = string.match(redis.call('LINDEX', list, 0) or '', '^(%d+) ')
  return events > maxEvents or bytes > maxOwn or not at or tonumber(at) <= now - maxAge
end
while events > 0 and isOver() do
  bytes = bytes - #redis.call('LPOP', list) - overhead
  events = events - 1
end
bytes = events > 0 and math.max(bytes, 0) or 0
redis.call('PEXPIRE', list, maxAge)
redis.call('ZADD', index, now, session)
redis.call('HSET', sizes, session, string.format('%.0f %.0f', bytes, events))
local allBytes, allEvents = change(bytes - bytesBefore, events - eventsBefore)
for _ = 1, 100 do
  local oldest = allBytes > maxAll and redis.call('ZRANGE', index, 0, 0)[1]
  if not oldest then break end
  allBytes, allEvents = forget(oldest)
end
redis.call('PEXPIRE', index, 2 * maxAge)
redis.call('PEXPIRE', sizes, 2 * maxAge)
return { allEvents, allBytes }`)

const drop = script(`${BOOKS}
local allBytes, allEvents = forget(session)
return { allEvents, allBytes }`)

/** Never more than a session may have, whoever has written it. */
const read = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stream, after = ARGV[1], tonumber(ARGV[2])
local maxEvents, maxBytes, maxAge = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local found, bytes = {}, 0
for _, value in ipairs(redis.call('LRANGE', KEYS[1], -maxEvents, -1)) do
  local at, of, seq, data = string.match(value, '^(%d+) (%d+) (%d+) (.*)$')
  if at and of == stream and tonumber(seq) > after and tonumber(at) > now - maxAge then
    bytes = bytes + #value
    if bytes > maxBytes then break end
    found[#found + 1] = seq
    found[#found + 1] = data
  end
end
return found`)

export const storeScripts = { append, drop, read }
