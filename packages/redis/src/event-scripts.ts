import type { RedisClient } from './create-client.js'
import { MAX_ENTRY_BYTES } from './events.js'
import { script } from './script.js'

/** Entries read at a time. */
const BATCH = 100
/** The stream goes when nobody has read or written it for an hour. */
const KEEP_MS = 3_600_000

/** A stream whose ids somebody has used up takes no more entries: it begins anew, and its readers notice. */
const add = script(`
local function add(entry)
  return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'o', ARGV[1], 'e', entry)
end
for i = 4, #ARGV do
  local added = add(ARGV[i])
  if type(added) == 'table' and added.err and string.find(added.err, 'exhausted', 1, true) then
    redis.call('DEL', KEYS[1])
    added = add(ARGV[i])
  end
  if type(added) == 'table' and added.err then return added end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'OK'`)

/**
 * What came after an id. While the entry of this id is there, nothing after it has been trimmed; when it is not,
 * everything that is left is read. The stream always has an entry, so that there is an id to go on from. The run of the
 * server is told because another one, or a replica in its place, may lack what the one before had taken. What is too
 * long is left out here, before it reaches this process.
 */
const read = script(`
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
local last, here, first = ARGV[1], false, '-'
if last == '' then
  local time = redis.call('TIME')
  first = string.format('%.0f', math.max(0, time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2]))
else
  here = #redis.call('XRANGE', KEYS[1], last, last) == 1
  if here then first = '(' .. last end
end
local found = redis.pcall('XRANGE', KEYS[1], first, '+', 'COUNT', ARGV[3])
if found.err then found = {} end
if #found > 0 then
  last = found[#found][1]
elseif not here then
  local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  last = top[1] and top[1][1] or redis.call('XADD', KEYS[1], '*', 'o', '', 'e', '[]')
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local entries = {}
for _, entry in ipairs(found) do
  local fields = entry[2]
  local ours = #fields == 4 and fields[1] == 'o' and #fields[2] <= 64 and fields[3] == 'e' and #fields[4] <= tonumber(ARGV[4])
  entries[#entries + 1] = ours and fields[2] or ''
  entries[#entries + 1] = ours and fields[4] or ''
end
return { run, here and 1 or 0, last, entries }`)

export interface ReadAnswer {
  /** Which run of which server this is; empty when it does not say. */
  run: string
  /** Whether nothing is missing since the id. */
  whole: boolean
  /** Where to go on. */
  id: string
  entries: { origin: string; text: string }[]
}

export async function addEntries(
  client: RedisClient,
  key: string,
  { origin, maxHistory }: { origin: string; maxHistory: number },
  entries: readonly string[],
): Promise<void> {
  await add(client, [key], [origin, maxHistory, KEEP_MS, ...entries])
}

/** @param sinceMs how far back to begin without an id */
export async function readEntries(
  client: RedisClient,
  key: string,
  id: string,
  sinceMs: number,
): Promise<ReadAnswer> {
  const answer = await read(client, [key], [id, sinceMs, BATCH, MAX_ENTRY_BYTES, KEEP_MS])
  const [run, whole, last, flat] = answer as [string, number, string, string[]]
  const entries: ReadAnswer['entries'] = []
  for (let i = 0; i < flat.length; i += 2) {
    entries.push({ origin: flat[i] ?? '', text: flat[i + 1] ?? '' })
  }
  return { run, whole: whole === 1, id: last, entries }
}

/** Resolves when there may be something after this id, or after `blockMs`. */
export async function nextEntry(
  client: RedisClient,
  key: string,
  id: string,
  blockMs: number,
): Promise<void> {
  await client.xread('COUNT', 1, 'BLOCK', blockMs, 'STREAMS', key, id)
}
