--[[
Loads a session, or creates it with count 0; refreshes its expiry, and removes `disconnected_at`.

KEYS[1] session   KEYS[2] log
ARGV[1] ttl of a new session, s   ARGV[2] nonce for a new epoch
ARGV[3] epoch that a member wants to go on with, or ''
ARGV[4] custom fields that the caller found to be no JSON, or ''
ARGV[5] 1: the caller has delivered messages of this session, and heals it when it is gone; 0: it is created anew

Returns {json, ms to live, created 0|1, fault or ''}, 'deleted' when the member's epoch was deleted, 'gone', or 'foreign'
when the key belongs to another program.

Rules: C5, K1, K5, T1; A6 quarantine; G2 and G5; K8 foreign keys.
]]
-- @import customOf, endingEpoch, newSession, parseSession, renderSession, setData from session-json.lua
-- @import readJson, saveSession from stored-session.lua
-- @import newestOf from messages.lua
-- @import epochBefore, faultOf, isDeleted, isForeign, quarantine from ended-epochs.lua
-- @import newEpoch, readClock from clock.lua

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local newestSeq = newestOf(KEYS[2])
if isForeign(json, session, newestSeq) then return 'foreign' end
local fault = faultOf(json, session, newestSeq)
if not fault and session and ARGV[4] ~= '' and customOf(session) == ARGV[4] then fault = 'unreadable session' end
if not json and ARGV[3] ~= '' and isDeleted(KEYS[2], ARGV[3]) then return 'deleted' end
if not json and ARGV[5] == '1' then return 'gone' end
local created = fault ~= nil or not json
local ms, seconds, microseconds = readClock()
local newTtl = tonumber(ARGV[1])

if created then
  local ending, ttl = fault and endingEpoch(json, session) or '', session and session.ttl or newTtl
  session = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[2], epochBefore(KEYS[2], ending)))
  if fault then quarantine(KEYS[1], KEYS[2], ending, ttl, ms) end
else
  setData(session, nil, customOf(session))
end
saveSession(KEYS[1], KEYS[2], session, ms)
return { renderSession(session), session.ttl * 1000, created and 1 or 0, fault or '' }
