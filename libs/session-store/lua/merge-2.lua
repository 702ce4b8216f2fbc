--[[
Replaces a session's custom fields if they are still what the caller has read. The expiry stays.

KEYS[1] session   KEYS[2] log
ARGV[1] custom fields as read   ARGV[2] custom fields to write; both '' or ',"name":value…'

Returns {json, ms to live}, 'gone', 'corrupt', or 'conflict'.

Rules: A1 (custom fields stay byte for byte), T1.
]]
-- @import customOf, parseSession, renderSession, replaceCustom from session-json.lua
-- @import readJson from stored-session.lua

local json = readJson(KEYS[1])
if not json then return 'gone' end
local session = parseSession(json)
if not session then return 'corrupt' end
if customOf(session) ~= ARGV[1] then return 'conflict' end
replaceCustom(session, ARGV[2])
local merged = renderSession(session)
redis.call('SET', KEYS[1], merged, 'KEEPTTL')
return { merged, redis.call('PTTL', KEYS[1]) }
