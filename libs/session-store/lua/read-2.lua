--[[
Reads session and log of one moment. Changes nothing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'from' or 'newest'   ARGV[2] with 'from': the first number   ARGV[3] most entries
ARGV[4] epoch that the caller knows, or ''

Returns {json or false, ms to live, number of the oldest entry, entries oldest first, how the caller's epoch ended}. The
number is 0 for an empty log, and -1 when the key holds no log. The last is 'deleted', 'quarantined' or ''.

Rules: G5, A6.
]]
-- @import parseSession from session-json.lua
-- @import readJson from stored-session.lua
-- @import newestOf, seqOf from messages.lua
-- @import endOf from ended-epochs.lua

local json = readJson(KEYS[1])
if newestOf(KEYS[2]) < 0 then return { json, redis.call('PTTL', KEYS[1]), -1, {}, '' } end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local firstSeq = oldest and seqOf(oldest) or 0
-- Redis answers a COUNT of 0 with nil instead of an empty list.
local entries = {}
if ARGV[1] == 'from' then
  entries = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', ARGV[3]) or {}
else
  local newestFirst = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[3]) or {}
  for at = #newestFirst, 1, -1 do entries[#entries + 1] = newestFirst[at] end
end
local session = json and parseSession(json) or nil
local ended = ''
if not session or session.epoch ~= ARGV[4] then ended = endOf(KEYS[2], ARGV[4]) end
return { json, redis.call('PTTL', KEYS[1]), firstSeq, entries, ended }
