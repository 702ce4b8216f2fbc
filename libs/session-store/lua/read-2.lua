--[[
Reads session and log of one moment. Changes nothing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'from' or 'newest'   ARGV[2] with 'from': the first number   ARGV[3] most entries
ARGV[4] epoch that the caller knows, or ''   ARGV[5] most bytes of entries   ARGV[6] fewest entries, whatever their bytes

Returns {json or false, ms to live, number of the oldest entry, entries oldest first, how the caller's epoch ended,
number of the newest entry, newest number that was trimmed from a log with large entries or 0}. The first two numbers are 0 for an empty log, and -1 when the key holds no log. The end is 'deleted',
'quarantined' or ''.

Rules: G5, A6, H4, K2.
]]
-- @import parseSession from session-json.lua
-- @import readJson from stored-session.lua
-- @import newestOf, seqOf from messages.lua
-- @import endOf from ended-epochs.lua
-- @import bytesOf, readSize, trimmedOf from log-size.lua

-- Entries read at once, which may be read in vain, because only then their sizes are known: few at first and then twice
-- as many each time, so that of large entries no more are read in vain than are returned.
local STEP_MIN, STEP_MAX = 4, 32

-- The entries in one direction, as far as they have at most this many bytes, but so many at least.
local function entriesWithin(command, start, stop, most, maxBytes, least)
  local found, bytes, step = {}, 0, STEP_MIN
  while #found < most do
    local count = math.min(step, most - #found)
    local page = redis.call(command, KEYS[2], start, stop, 'COUNT', count)
    for _, entry in ipairs(page) do
      bytes = bytes + bytesOf(entry)
      if #found >= least and bytes > maxBytes then return found end
      found[#found + 1] = entry
    end
    if #page < count then return found end
    start = '(' .. page[#page][1]
    step = math.min(2 * step, STEP_MAX)
  end
  return found
end

local json = readJson(KEYS[1])
local newest = newestOf(KEYS[2])
if newest < 0 then return { json, redis.call('PTTL', KEYS[1]), -1, {}, '', -1, 0 } end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local firstSeq = oldest and seqOf(oldest) or 0
local entries, most, maxBytes, least = {}, tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
if ARGV[1] == 'from' then
  entries = entriesWithin('XRANGE', ARGV[2] .. '-0', '+', most, maxBytes, least)
else
  local newestFirst = entriesWithin('XREVRANGE', '+', '-', most, maxBytes, least)
  for at = #newestFirst, 1, -1 do entries[#entries + 1] = newestFirst[at] end
end
local session = json and parseSession(json) or nil
local ended = ''
if not session or session.epoch ~= ARGV[4] then ended = endOf(KEYS[2], ARGV[4]) end
-- A session that tells of its log has none that was trimmed for its bytes.
local isNoted = session and session.log == '' and newest > 0
local trimmed = isNoted and trimmedOf(readSize(KEYS[2]), session.epoch) or 0
return { json, redis.call('PTTL', KEYS[1]), firstSeq, entries, ended, newest, trimmed }
