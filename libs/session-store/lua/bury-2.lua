--[[
Deletes a session again that a failover or an old copy has brought back (G5).

KEYS[1] session   KEYS[2] log
ARGV[1] the deleted epoch   ARGV[2] tombstone key   ARGV[3] ms the tombstone is kept

Returns 1 when the session was there with that epoch or an earlier one, else 0.
]]
-- @include session.lua

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local back = session ~= nil and session.epoch <= ARGV[1]
-- The tombstone of a later epoch stays: epochs sort.
local tombstone = string.gsub(redis.call('GET', ARGV[2]) or '', '^quarantined ', '')
local isNewest = ARGV[1] >= tombstone
if back then redis.call('DEL', KEYS[1], KEYS[2]) end
if (back or not json) and isNewest then redis.call('SET', ARGV[2], ARGV[1], 'PX', ARGV[3]) end
return back and 1 or 0
