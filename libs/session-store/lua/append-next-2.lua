--[[
The ordinary append: first sends, to a session that an append has written last, from a gateway that knows its newest
messages. It does what append-2.lua does, at a fraction of the cost. Whatever else it finds it leaves to append-2.lua,
before anything is written. All reads come before all writes (A1).

KEYS[1] session   KEYS[2] log
ARGV[1..3]  the caller's position: epoch, seq (above 0), id
ARGV[4]     id of the last message
ARGV[5..]   two per message: sender key, and the log entry's text without its time (see parts/messages.lua)

Returns 'TTL SUBSCRIBERS SEQ': the session's ttl in s, how many subscribers heard it, and the number of the first
message. SUBSCRIBERS is -1 when the messages are stored and Redis refused to publish them; then a second line tells what
Redis said. Or returns 'look', when append-2.lua has to be called.

Rules: A1, A3, A4, G3, K5, K6.
]]
-- @import readForAppend from session-json.lua
-- @import isEntry, storeMessages from messages.lua

-- Most messages that the caller may not have heard of yet.
local MISSED_MAX = 64
local epoch, positionSeq = ARGV[1], tonumber(ARGV[2])

local json = redis.pcall('GET', KEYS[1])
if type(json) ~= 'string' then return 'look' end
local count, ttl, retried, kept, newestId, rest = readForAppend(json, epoch)
-- A retry that the caller has not heard of may be one of these messages (A4).
if not count or retried > positionSeq or count < positionSeq or count > 1e13 then return 'look' end
if redis.pcall('XLEN', KEYS[2]) ~= kept then return 'look' end
if count == positionSeq then
  if newestId ~= ARGV[3] then return 'look' end
else
  -- Others have appended since: the log must hold the caller's newest message, and behind it theirs without a hole.
  local missed = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', MISSED_MAX + 1)
  if #missed ~= count - positionSeq + 1 or missed[#missed][1] ~= string.format('%d-0', count) then return 'look' end
  if not isEntry(missed[1], ARGV[2] .. '-0', ARGV[3]) then return 'look' end
end

local first, subscribers, refused =
  storeMessages(KEYS[1], KEYS[2], redis.call('TIME'), ARGV, 5, ARGV[4], count, kept, newestId, epoch, ttl, rest)
local answer = ttl .. ' ' .. subscribers .. ' ' .. first
return subscribers < 0 and answer .. '\n' .. refused or answer
