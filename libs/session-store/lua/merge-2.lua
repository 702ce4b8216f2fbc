--[[
Merges custom fields into the session's, field by field. The expiry stays.

KEYS[1] session   KEYS[2] log
ARGV[1] custom fields to write, '' or ',"name":value…'
ARGV[2] most bytes that all custom fields may have together as a JSON object; 0 for any number

Returns {json, ms to live}, 'gone', 'corrupt', or 'too large'.

Rules: A1 (one step; custom fields that are not named stay byte for byte), T1.
]]
-- @import customOf, mergeCustom, parseSession, renderSession, replaceCustom from session-json.lua
-- @import readJson from stored-session.lua

local json = readJson(KEYS[1])
if not json then return 'gone' end
local session = parseSession(json)
local custom = session and mergeCustom(customOf(session), ARGV[1])
if not custom then return 'corrupt' end
-- The object has two braces, and no comma before its first field.
local most = tonumber(ARGV[2])
if most > 0 and #custom + 1 > most then return 'too large' end
replaceCustom(session, custom)
local merged = renderSession(session)
redis.call('SET', KEYS[1], merged, 'KEEPTTL')
return { merged, redis.call('PTTL', KEYS[1]) }
