--[[
Deletes a session again that a failover or an old copy has brought back.

KEYS[1] session   KEYS[2] log
ARGV[1] the deleted epoch   ARGV[2] ms the tombstone is kept

Returns 1 when the session was there with that epoch or an earlier one, else 0.

Rules: G5.
]]
-- @import parseSession from session-json.lua
-- @import readJson from stored-session.lua
-- @import sizeKeyOf from log-size.lua
-- @import endedEpoch, rememberDeleted from ended-epochs.lua
-- @import namesKeyOf from name-index.lua

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local back = session ~= nil and session.epoch <= ARGV[1]
-- The tombstone of a later epoch stays: epochs sort.
local isNewest = ARGV[1] >= endedEpoch(KEYS[2])
if back then redis.call('DEL', KEYS[1], KEYS[2], sizeKeyOf(KEYS[2]), namesKeyOf(KEYS[2])) end
if (back or not json) and isNewest then rememberDeleted(KEYS[2], ARGV[1], ARGV[2]) end
return back and 1 or 0
