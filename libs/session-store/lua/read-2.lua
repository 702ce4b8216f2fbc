--[[
Reads session and log of one moment; changes nothing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'from' or 'newest'   ARGV[2] with 'from': the first number   ARGV[3] most entries
ARGV[4] tombstone key        ARGV[5] epoch the caller knows, or ''

Returns {json or false, ms to live, number of the oldest entry, 0 or -1 (no log), entries oldest first,
how the caller's epoch ended: 'deleted' | 'quarantined' | ''}.
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
local session = json and parseSession(json) or nil
local ended = ''
if not session or session.epoch ~= ARGV[5] then ended = endOf(ARGV[4], ARGV[5]) end
return { json, redis.call('PTTL', KEYS[1]), firstSeq, entries, ended }
