--[[
Sets a session's ttl and its expiry, and tells its members (V7).

KEYS[1] session   KEYS[2] log
ARGV[1] ttl, s ('' = the session's own)   ARGV[2] channel   ARGV[3] PUBLISH or SPUBLISH

Returns {json, ms to live}, 'gone', or 'corrupt'.
]]
-- @include session.lua

local json = readJson(KEYS[1])
if not json then return 'gone' end
local session = parseSession(json)
if not session then return 'corrupt' end
local ms = readClock()
if ARGV[1] ~= '' then session.ttl = tonumber(ARGV[1]) end
saveSession(KEYS[1], KEYS[2], session, ms)
redis.call(ARGV[3], ARGV[2], 's\n{"event":"extended","ttl":' .. session.ttl .. '}')
return { renderSession(session), session.ttl * 1000 }
