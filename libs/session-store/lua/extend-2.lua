--[[
Sets a session's ttl and its expiry, and tells its members.

KEYS[1] session   KEYS[2] log
ARGV[1] ttl, s; '' = the session's own

Returns {json, ms to live, refused}, 'gone', or 'corrupt'. `refused` is '', or what Redis said when the session is
extended and Redis refused to publish it.

Rules: T1, K5, V7.
]]
-- @import parseSession, renderSession from session-json.lua
-- @import readJson, saveSession from stored-session.lua
-- @import readClock from clock.lua
-- @import publishEvent from messages.lua

local json = readJson(KEYS[1])
if not json then return 'gone' end
local session = parseSession(json)
if not session then return 'corrupt' end
local ms = readClock()
if ARGV[1] ~= '' then session.ttl = tonumber(ARGV[1]) end
saveSession(KEYS[1], KEYS[2], session, ms)
local _, refused = publishEvent(KEYS[2], '{"event":"extended","ttl":' .. session.ttl .. '}')
return { renderSession(session), session.ttl * 1000, refused }
