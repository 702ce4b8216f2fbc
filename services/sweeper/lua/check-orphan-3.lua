--[[
Checks whether a log has lost its session, marks when that was first seen, and removes the log once that is long enough
ago. The wait is for a gateway that is about to put the session back from its tail (G2).

KEYS[1] session   KEYS[2] log   KEYS[3] mark: when the log was first seen without its session, and its newest entry
ARGV[1] 'repair': removes the log when it is due
        'inspect': removes nothing, but sets the mark when there is none
        'dry': writes nothing
ARGV[2] ms a log must have been seen without its session before it is due
ARGV[3] ms the mark is kept

Returns nil when the session is there, or the log is not or belongs to another program; otherwise {'orphan_log', due 0|1, ms since it was first seen}.
With 'repair', a log that was due has been removed when this returns.

Rules: W1, W6, K8; K5 (the mark expires).
]]
-- @import readEntry from messages.lua
-- @import readTyped from stored-session.lua
-- @import readClock from clock.lua

if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', KEYS[2]) == 0 then
  if ARGV[1] ~= 'dry' then redis.call('DEL', KEYS[3]) end
  return nil
end

-- A log that was written to in between is another orphan: its wait begins anew.
local newest = readTyped('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
-- What is no stream, or has other entries, belongs to another program (K8).
if not newest or (newest[1] and not readEntry(newest[1])) then return nil end
local newestId = newest[1] and newest[1][1] or '-'
local now = readClock()

local mark = readTyped('GET', KEYS[3])
local since, markedId = string.match(mark or '', '^(%d+) (%S+)$')
-- A mark of the future is one of a clock that was put back: it would keep the log until then (W6).
if markedId ~= newestId or tonumber(since) > now then
  if ARGV[1] ~= 'dry' then redis.call('SET', KEYS[3], string.format('%d %s', now, newestId), 'PX', ARGV[3]) end
  return { 'orphan_log', 0, 0 }
end

local age = now - tonumber(since)
local due = age >= tonumber(ARGV[2])
if due and ARGV[1] == 'repair' then redis.call('UNLINK', KEYS[2], KEYS[3]) end
return { 'orphan_log', due and 1 or 0, age }
