--[[
A member left: refreshes the expiry (T1); when nobody is subscribed any more, notes the time (K1).

KEYS[1] session   KEYS[2] log
ARGV[1] channel   ARGV[2] NUMSUB or SHARDNUMSUB

Returns 1, or 0 when there is no readable session.
]]
-- @include session.lua

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
if not session then return 0 end
local ms, seconds = readClock()
if redis.call('PUBSUB', ARGV[2], ARGV[1])[2] == 0 then
  session.middle = ',"disconnected_at":' .. seconds .. customOf(session)
end
saveSession(KEYS[1], KEYS[2], session, ms)
return 1
