--[[
Creates a session, or writes one whole.

KEYS[1] session   KEYS[2] log
ARGV[1] 'create' (nothing happens when there is one) or 'put'
ARGV[2] count (counts only while the log is empty)   ARGV[3] last activity, s ('' = now)
ARGV[4] custom fields: '' or ',"name":value…'        ARGV[5] ttl, s   ARGV[6] nonce for a new epoch
ARGV[7] tombstone key   ARGV[8] prefix of quarantine keys

Returns {json, ms to live, fault or ''}, or false when 'create' found one.
]]
-- @include session.lua
-- @include quarantine.lua

local json = readJson(KEYS[1])
if json and ARGV[1] == 'create' then return false end
local session = json and parseSession(json) or nil
local newestSeq = newestOf(KEYS[2])
local fault = faultOf(json, session, newestSeq)
local ttl = tonumber(ARGV[5])
local ms, seconds, microseconds = readClock()

if fault then
  quarantine(KEYS[1], KEYS[2], ARGV[8], ARGV[7], endingEpoch(json, session), session and session.ttl or ttl, ms)
  session, newestSeq = nil, 0
end
session = session or newSession(seconds, ttl, newEpoch(microseconds, ARGV[6]))
session.count = newestSeq > 0 and newestSeq or tonumber(ARGV[2])
session.lastActivity = ARGV[3] ~= '' and ARGV[3] or seconds
session.middle = ARGV[4]
session.ttl = ttl
if newestSeq == 0 then session.log = '' end
saveSession(KEYS[1], KEYS[2], session, ms)
return { renderSession(session), ttl * 1000, fault or '' }
