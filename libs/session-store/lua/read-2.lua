--[[
Reads session and log of one moment. Changes nothing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'from' or 'newest'   ARGV[2] with 'from': the first number   ARGV[3] most entries
ARGV[4] epoch that the caller knows, or ''   ARGV[5] with 'from': most bytes of entries, or '' for any

Returns {json or false, ms to live, number of the oldest entry, entries oldest first, how the caller's epoch ended,
number of the newest entry}. The numbers are 0 for an empty log, and -1 when the key holds no log. The end is 'deleted',
'quarantined' or ''.

Rules: G5, A6, H4.
]]
-- @import parseSession from session-json.lua
-- @import readJson from stored-session.lua
-- @import newestOf, seqOf from messages.lua
-- @import endOf from ended-epochs.lua

-- Entries read at once where bytes are bounded: that many may be read in vain, because only then their sizes are known.
local STEP = 32

-- Bytes of an entry's pair. Another program may have written more than one.
local function bytesOf(entry)
  local bytes = 0
  for _, text in ipairs(entry[2]) do bytes = bytes + #text end
  return bytes
end

-- The entries from a stream id on, as far as they have at most this many bytes, but one at least.
local function entriesWithin(start, most, maxBytes)
  local found, bytes = {}, 0
  while #found < most do
    local page = redis.call('XRANGE', KEYS[2], start, '+', 'COUNT', math.min(STEP, most - #found))
    for _, entry in ipairs(page) do
      bytes = bytes + bytesOf(entry)
      if #found > 0 and bytes > maxBytes then return found end
      found[#found + 1] = entry
    end
    if #page < STEP then return found end
    start = '(' .. page[#page][1]
  end
  return found
end

local json = readJson(KEYS[1])
local newest = newestOf(KEYS[2])
if newest < 0 then return { json, redis.call('PTTL', KEYS[1]), -1, {}, '', -1 } end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local firstSeq = oldest and seqOf(oldest) or 0
-- Redis answers a COUNT of 0 with nil instead of an empty list.
local entries = {}
if ARGV[1] == 'from' and ARGV[5] ~= '' then
  entries = entriesWithin(ARGV[2] .. '-0', tonumber(ARGV[3]), tonumber(ARGV[5]))
elseif ARGV[1] == 'from' then
  entries = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', ARGV[3]) or {}
else
  local newestFirst = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[3]) or {}
  for at = #newestFirst, 1, -1 do entries[#entries + 1] = newestFirst[at] end
end
local session = json and parseSession(json) or nil
local ended = ''
if not session or session.epoch ~= ARGV[4] then ended = endOf(KEYS[2], ARGV[4]) end
return { json, redis.call('PTTL', KEYS[1]), firstSeq, entries, ended, newest }
