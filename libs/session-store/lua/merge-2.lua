--[[
Replaces a session's custom fields if they are still what the caller read. The expiry stays (T1).

KEYS[1] session   KEYS[2] log
ARGV[1] custom fields as read   ARGV[2] custom fields to write; both '' or ',"name":value…'

Returns {json, ms to live}, 'gone', 'corrupt', or 'conflict'.
]]
-- @include session.lua

local json = readJson(KEYS[1])
if not json then return 'gone' end
local session = parseSession(json)
if not session then return 'corrupt' end
local custom = customOf(session)
if custom ~= ARGV[1] then return 'conflict' end
session.middle = string.sub(session.middle, 1, #session.middle - #custom) .. ARGV[2]
local merged = renderSession(session)
redis.call('SET', KEYS[1], merged, 'KEEPTTL')
return { merged, redis.call('PTTL', KEYS[1]) }
