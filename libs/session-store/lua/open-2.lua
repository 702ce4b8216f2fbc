--[[
Loads a session or creates it with count 0 (C5), refreshes its expiry (T1), forgets that it had no members (K1).

KEYS[1] session   KEYS[2] log
ARGV[1] ttl of a new session, s   ARGV[2] nonce for a new epoch
ARGV[3] tombstone key             ARGV[4] prefix of quarantine keys
ARGV[5] epoch a member wants to go on with, or ''
ARGV[6] custom fields that the caller found to be no JSON, or ''
ARGV[7] 1: the caller has delivered of this session, and heals it rather than have it made anew

Returns {json, ms to live, created 0|1, fault or ''}, 'deleted' when the member's epoch was deleted (G5), or 'gone'.
]]
-- @include session.lua
-- @include quarantine.lua

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local fault = faultOf(json, session, newestOf(KEYS[2]))
if not fault and session and ARGV[6] ~= '' and customOf(session) == ARGV[6] then fault = 'unreadable session' end
if not json and ARGV[5] ~= '' and redis.call('GET', ARGV[3]) == ARGV[5] then return 'deleted' end
if not json and ARGV[7] == '1' then return 'gone' end
local created = fault ~= nil or not json
local ms, seconds, microseconds = readClock()
local newTtl = tonumber(ARGV[1])

if fault then
  local ttl = session and session.ttl or newTtl
  quarantine(KEYS[1], KEYS[2], ARGV[4], ARGV[3], endingEpoch(json, session), ttl, ms)
end
if created then
  session = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[2]))
else
  session.middle = customOf(session)
end
saveSession(KEYS[1], KEYS[2], session, ms)
return { renderSession(session), session.ttl * 1000, created and 1 or 0, fault or '' }
