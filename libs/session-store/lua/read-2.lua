--[[
Reads session and log of one moment; changes nothing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'from' or 'newest'   ARGV[2] with 'from': the first number   ARGV[3] most entries   ARGV[4] tombstone key

Returns {json or false, ms to live, number of the oldest entry, 0 or -1 (no log), entries oldest first, deleted epoch or ''}.
]]
-- @include session.lua

local json = readJson(KEYS[1])
if newestOf(KEYS[2]) < 0 then return { json, redis.call('PTTL', KEYS[1]), -1, {}, '' } end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local firstSeq = oldest and tonumber(string.match(oldest[1], '^%d+')) or 0
-- Redis answers a COUNT of 0 with nothing instead of an empty list.
local entries = {}
if ARGV[1] == 'from' then
  entries = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', ARGV[3]) or {}
else
  local newestFirst = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[3]) or {}
  for at = #newestFirst, 1, -1 do entries[#entries + 1] = newestFirst[at] end
end
local deleted = ''
if not json then deleted = redis.call('GET', ARGV[4]) or '' end
return { json, redis.call('PTTL', KEYS[1]), firstSeq, entries, deleted }
