import type { RedisClient } from './create-client.js'
import { costOf } from './gcra.js'
import type { Charge } from './meters.js'
import { script } from './script.js'

/**
 * Charges every key of a request in one step. Of each is kept: when it was looked at (in microseconds, by the clock of
 * Redis), how much of its quota was used then, how much is owed with what a shorter window has let off, and its
 * window; the last three in milliseconds. It expires when nothing is owed, when forgetting it changes nothing.
 *
 * What is used is kept as a time span and not as a moment, so that nobody waits for longer than a window when the
 * clock is set back. That, and another window, are written down even when the charge is refused, or the wait would
 * start anew with each request.
 */
const LUA = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function look(i)
  local window, cost, room = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local used, owed, changed = 0, 0, false
  local kept = redis.call('GET', KEYS[i])
  local at, keptUsed, keptOwed, keptWindow = string.match(kept or '', '^(%S+) (%S+) (%S+) (%S+)$')
  if at then
    local elapsed = (now - at) / 1000
    changed = elapsed < 0 or tonumber(keptWindow) ~= window
    elapsed = math.max(elapsed, 0)
    owed = math.max(keptOwed - elapsed, 0)
    used = math.max(keptUsed - elapsed, 0)
    if tonumber(keptWindow) ~= window then used = math.min(owed, window) end
  end
  return { key = KEYS[i], window = window, cost = cost, used = used, owed = owed, changed = changed,
    allowed = used + cost <= room }
end

local function keep(meter, cost)
  local owed = meter.owed + cost
  if owed <= 0 or (cost == 0 and not meter.changed) then return end
  local value = string.format('%.0f %.17g %.17g %.17g', now, meter.used + cost, owed, meter.window)
  redis.call('SET', meter.key, value, 'PX', string.format('%.0f', math.ceil(owed)))
end

local meters, used = {}, {}
local allAllowed = true
for i = 1, #KEYS do
  meters[i] = look(i)
  used[i] = string.format('%.17g', meters[i].used)
  allAllowed = allAllowed and meters[i].allowed
end
for i, meter in ipairs(meters) do
  local isMade = allAllowed or (i == 1 and ARGV[1] == '1' and meter.allowed)
  keep(meter, isMade and meter.cost or 0)
end
return used`

const run = script(LUA)

/**
 * @param names of the keys, one for each charge
 * @param isFirstApart whether the first is made even when the others are refused
 * @returns the used part of each quota before this, in milliseconds
 */
export async function chargeScript(
  client: RedisClient,
  names: readonly string[],
  charges: readonly Charge[],
  isFirstApart: boolean,
): Promise<number[]> {
  const words = [isFirstApart ? '1' : '0', ...charges.flatMap(wordsOf)]
  const reply = await run(client, names, words)
  const used = Array.isArray(reply) ? reply.map(Number) : []
  if (used.length !== charges.length || used.some(Number.isNaN)) {
    throw new Error('Redis has answered something else than was asked')
  }
  return used
}

/** Lua reads no infinity: more than any quota has is as much. */
function wordsOf(charge: Charge): string[] {
  const { windowMs, costMs, roomMs } = costOf(charge)
  return [windowMs, Math.min(costMs, Number.MAX_VALUE), roomMs].map(String)
}
