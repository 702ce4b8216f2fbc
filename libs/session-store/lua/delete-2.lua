--[[
Deletes session and log, leaves a tombstone (G5), and tells the members (V7).

KEYS[1] session   KEYS[2] log
ARGV[1] tombstone key   ARGV[2] ttl of the tombstone where the session's own cannot be read, s
ARGV[3] channel         ARGV[4] PUBLISH or SPUBLISH

Returns 1, or 0 when there was none.
]]
-- @include session.lua

local json = readJson(KEYS[1])
if not json then return 0 end
local session = parseSession(json)
local epoch = endingEpoch(json, session)
local ttl = session and session.ttl or tonumber(ARGV[2])
-- While the slot is on the move (A7) this fails where writing the tombstone would, before anything is deleted.
redis.call('EXISTS', ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2])
if epoch ~= '' then redis.call('SET', ARGV[1], epoch, 'PX', ttl * 1000) end
redis.call(ARGV[4], ARGV[3], 's\n{"event":"deleted","epoch":"' .. epoch .. '"}')
return 1
