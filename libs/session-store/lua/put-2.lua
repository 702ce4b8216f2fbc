--[[
Creates a session, or writes one whole.

KEYS[1] session   KEYS[2] log
ARGV[1] 'create' (an existing session stays as it is) or 'put'
ARGV[2] count, which counts only while the log is empty
ARGV[3] last activity, s; '' = now                   ARGV[4] custom fields: '' or ',"name":value…'
ARGV[5] ttl, s                                       ARGV[6] nonce for a new epoch

Returns {json, ms to live, fault or ''}, false when 'create' found a session, or 'foreign' when the key
belongs to another program.

Rules: K1, K5; A6 quarantine; K8 foreign keys.
]]
-- @import endingEpoch, forgetLog, newSession, parseSession, renderSession, setData from session-json.lua
-- @import readJson, saveSession from stored-session.lua
-- @import newestOf from messages.lua
-- @import epochBefore, faultOf, isForeign, quarantine from ended-epochs.lua
-- @import newEpoch, readClock from clock.lua

local json = readJson(KEYS[1])
if json and ARGV[1] == 'create' then return false end
local session = json and parseSession(json) or nil
local newestSeq = newestOf(KEYS[2])
if isForeign(json, session, newestSeq) then return 'foreign' end
local fault = faultOf(json, session, newestSeq)
local ttl = tonumber(ARGV[5])
local ms, seconds, microseconds = readClock()

if fault or not session then
  local ending, endingTtl = fault and endingEpoch(json, session) or '', session and session.ttl or ttl
  session = newSession(seconds, ttl, newEpoch(microseconds, ARGV[6], epochBefore(KEYS[2], ending)))
  if fault then
    quarantine(KEYS[1], KEYS[2], ending, endingTtl, ms)
    newestSeq = 0
  end
end
session.count = newestSeq > 0 and newestSeq or tonumber(ARGV[2])
session.lastActivity = ARGV[3] ~= '' and ARGV[3] or seconds
session.ttl = ttl
setData(session, nil, ARGV[4])
if newestSeq == 0 then forgetLog(session) end
saveSession(KEYS[1], KEYS[2], session, ms)
return { renderSession(session), ttl * 1000, fault or '' }
