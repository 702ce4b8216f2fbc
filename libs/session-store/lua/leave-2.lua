--[[
A member has left: refreshes the expiry, and notes the time when no gateway is subscribed any more.

KEYS[1] session   KEYS[2] log

Returns 1, or 0 when there is no readable session.

Rules: K1, K5, T1.
]]
-- @import customOf, parseSession, setData from session-json.lua
-- @import readJson, saveSession from stored-session.lua
-- @import readClock from clock.lua
-- @import hasSubscribers from messages.lua

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
if not session then return 0 end
local ms, seconds = readClock()
if not hasSubscribers(KEYS[2]) then setData(session, seconds, customOf(session)) end
saveSession(KEYS[1], KEYS[2], session, ms)
return 1
