--[[
Deletes session and log, leaves a tombstone, and tells the members.

KEYS[1] session   KEYS[2] log
ARGV[1] ttl of the tombstone when the session's own cannot be read, s

Returns 1, 0 when there was no session or the key belongs to another program, or what Redis said when the session is deleted and Redis refused to publish it.

Rules: G5, V7, K8.
]]
-- @import endingEpoch, parseSession from session-json.lua
-- @import readJson from stored-session.lua
-- @import sizeKeyOf from log-size.lua
-- @import endedEpoch, isForeign, rememberDeleted from ended-epochs.lua
-- @import newestOf, publishEvent from messages.lua
-- @import newEpoch, readClock from clock.lua
-- @import namesKeyOf from name-index.lua

local json = readJson(KEYS[1])
if not json then return 0 end
local session = parseSession(json)
if isForeign(json, session, newestOf(KEYS[2])) then return 0 end
local epoch = endingEpoch(json, session)
local ttl = session and session.ttl or tonumber(ARGV[1])
-- While the slot is on the move (A7), this reading fails where writing the tombstone would fail: before anything is
-- deleted.
local endedBefore = endedEpoch(KEYS[2])
-- Without a tombstone nobody could tell the deletion from a loss (F8): one that sorts behind every epoch of the session.
if epoch == '' then
  local _, _, microseconds = readClock()
  epoch = newEpoch(microseconds, 'unknown', endedBefore)
end
redis.call('DEL', KEYS[1], KEYS[2], sizeKeyOf(KEYS[2]), namesKeyOf(KEYS[2]))
rememberDeleted(KEYS[2], epoch, ttl * 1000)
local heard, refused = publishEvent(KEYS[2], '{"event":"deleted","epoch":"' .. epoch .. '"}')
return heard < 0 and refused or 1
