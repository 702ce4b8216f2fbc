--[[
Almost every append: first sends to a session that is as it should be, from a gateway that knows where it is. Whatever
else it finds it leaves to append-2.lua, before anything is written. All reads come before all writes (A1).

KEYS[1] session   KEYS[2] log
ARGV[1..3]  the caller's position: epoch, seq, id
ARGV[4]     id of the last message
ARGV[5..]   two per message: sender key, and the frame from behind `"id":"` up to and including `"timestamp":`

Returns 'TTL SUBSCRIBERS SEQ': the session's ttl, who heard it, and the number of the first message; or 'look'.
]]
local format, find, sub, byte, call = string.format, string.find, string.sub, string.byte, redis.call
local epoch, positionSeq = ARGV[1], tonumber(ARGV[2])

local HEAD, NEXT = '{"data":{"count":', ',"last_activity":'
local stored = redis.pcall('GET', KEYS[1])
if type(stored) ~= 'string' or sub(stored, 1, #HEAD) ~= HEAD then return 'look' end
-- From the end on, where custom data cannot be: behind the epoch follow two numbers and an id.
local ending = ',"epoch":"' .. epoch .. '","retried":'
local epochAt, epochEnd = find(stored, ending, -#ending - 120, true)
if not epochAt then return 'look' end
local retried, keptText, newestId =
  string.match(stored, '^(%d+),"kept":(%d+),"newest":"([%w._~-]+)"}$', epochEnd + 1)
local _, ttlAt = find(stored, ',"ttl":', epochAt - 22, true)
local countEnd = find(stored, ',', #HEAD, true)
-- Seconds with three digits of fraction have fourteen characters until the year 2286.
local restAt = countEnd + #NEXT + 14
local after = byte(stored, restAt)
if not retried or not ttlAt or ttlAt > epochAt or sub(stored, countEnd, restAt - 15) ~= NEXT then return 'look' end
if after ~= 44 and after ~= 125 then return 'look' end
local count, kept, ttl = tonumber(sub(stored, #HEAD + 1, countEnd - 1)), tonumber(keptText), sub(stored, ttlAt + 1, epochAt - 1)
if not count or not tonumber(ttl) or tonumber(retried) > positionSeq or count < positionSeq or count > 1e13 then
  return 'look'
end
if redis.pcall('XLEN', KEYS[2]) ~= kept then return 'look' end
if count == positionSeq then
  if newestId ~= ARGV[3] then return 'look' end
else
  -- The caller has not heard yet of what others have appended.
  local missed = call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', '65')
  if #missed ~= count - positionSeq + 1 or missed[1][1] ~= ARGV[2] .. '-0' then return 'look' end
  if find(missed[1][2][2], ARGV[3] .. '",', 1, true) ~= 1 or missed[#missed][1] ~= format('%d', count) .. '-0' then
    return 'look'
  end
end

local messages, from, newId = ARGV, 5, ARGV[4]
local rest = sub(stored, restAt, epochEnd - #'"retried":')
local time = call('TIME')
-- @include append-write.lua
return ttl .. ' ' .. subscribers .. ' ' .. first
