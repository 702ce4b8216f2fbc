--[[
Settles two histories of one session: if the session still has the epoch that the caller saw, both are joined under a
new epoch, which is published. Numbers go on: they never fall below what either side has delivered.

KEYS[1] session   KEYS[2] log
ARGV[1] epoch that the caller saw       ARGV[2] nonce for the new epoch
ARGV[3] 1: the log's entries below the caller's first one are older than it; 0: unless both have an entry in common, the
        session was created by a gateway that did not know the caller's session, which lives on in it
ARGV[4..6] the caller's session: created_at, ttl in s, custom fields ('' or ',"name":value…')
ARGV[7] the newest number that the caller has delivered
ARGV[8..] the messages that the caller still has, up to the newest, oldest first, four each: seq, id, sender key, body

Returns {'forked', new epoch, refused}, {'gone'}, {'epoch'} or {'corrupt'}. `refused` is '', or what Redis said when all
is stored and Redis refused to publish it.

Rules: G4, K5.
]]
-- @import customOf, forgetLog, parseSession, replaceCustom from session-json.lua
-- @import deadlineOf, readJson, saveUntil from stored-session.lua
-- @import newBound, readSize, renderSize, saveSize, takeEntry from log-size.lua
-- @import isSameBody, nameOf, newestOf, publishEvent, readEntry, textOf, timeOf from messages.lua
-- @import newEpoch, readClock from clock.lua

local FIRST = 8

local json = readJson(KEYS[1])
if not json then return { 'gone' } end
local session = parseSession(json)
local newestSeq = newestOf(KEYS[2])
if not session or newestSeq < 0 then return { 'corrupt' } end
if session.epoch ~= ARGV[1] then return { 'epoch' } end
local ms, _, microseconds = readClock()
local deadline = deadlineOf(KEYS[1], session, ms)

local kept = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
  local seq, id, key, body = readEntry(entry)
  if not seq then return { 'corrupt' } end
  kept[#kept + 1] = { seq = seq, id = id, key = key, body = body }
end
local given = {}
for at = FIRST, #ARGV, 4 do
  given[#given + 1] = { seq = tonumber(ARGV[at]), id = ARGV[at + 1], key = ARGV[at + 2], body = ARGV[at + 3] }
end

local function isSame(a, b)
  return a.key == b.key and a.id == b.id and isSameBody(a.body, b.body)
end

local function namesOf(entries)
  local names = {}
  for _, entry in ipairs(entries) do names[nameOf(entry.key, entry.id)] = true end
  return names
end

-- Two histories with the same entry under the same number have one past: another gateway has joined them already.
local keptAt = {}
for _, entry in ipairs(kept) do keptAt[entry.seq] = entry end
local isSamePast = ARGV[3] == '1'
for _, entry in ipairs(given) do
  local there = keptAt[entry.seq]
  if there and isSame(there, entry) then isSamePast = true end
end

-- A lower number is older only if its time is not later: a gateway that has lost more may have gone on from there.
local function isOlder(entry, first, firstSeq)
  return isSamePast and entry.seq < firstSeq and (not first or timeOf(entry.body) <= timeOf(first.body))
end

-- Bytes of an entry (K2).
local function sizeOf(entry)
  return #entry.key + #textOf(entry.id, entry.body)
end

-- Whether what stood before the log's first entry may have been trimmed for the log's bytes: the largest entry of both
-- would not fit any more.
local function isFullOfBytes(entries, others)
  local bytes, largest = 0, 0
  for _, entry in ipairs(entries) do bytes = bytes + sizeOf(entry) end
  for _, list in ipairs({ entries, others }) do
    for _, entry in ipairs(list) do largest = math.max(largest, sizeOf(entry)) end
  end
  return bytes + largest > @sessionMaxBytes
end

local lastGiven = tonumber(ARGV[7])
local firstGiven = #given > 0 and given[1].seq or lastGiven + 1
local joined = {}
if lastGiven > session.count then
  -- The caller's numbers stay. The log's older entries move up to them, and its other entries follow.
  local names = namesOf(given)
  local older, others = {}, {}
  for _, entry in ipairs(kept) do
    if not names[nameOf(entry.key, entry.id)] then
      local list = isOlder(entry, given[1], firstGiven) and older or others
      list[#list + 1] = entry
    end
  end
  for at, entry in ipairs(older) do
    entry.seq = firstGiven - #older + at - 1
    joined[#joined + 1] = entry
  end
  for _, entry in ipairs(given) do joined[#joined + 1] = entry end
  for at, entry in ipairs(others) do
    entry.seq = lastGiven + at
    joined[#joined + 1] = entry
  end
  session.count = lastGiven + #others
else
  -- The log's numbers stay. The caller's older entries stay in front of the log's first, or were trimmed from it; its
  -- other entries follow.
  local names = namesOf(kept)
  local firstKept = #kept > 0 and kept[1].seq or session.count + 1
  local older, lacking = {}, {}
  for _, entry in ipairs(given) do
    if not names[nameOf(entry.key, entry.id)] then
      local list = isOlder(entry, kept[1], firstKept) and older or lacking
      list[#list + 1] = entry
    end
  end
  local reaches = #older > 0 and older[#older].seq == firstKept - 1 and older[1].seq == firstKept - #older
  if reaches then
    for _, entry in ipairs(older) do joined[#joined + 1] = entry end
  end
  for _, entry in ipairs(kept) do joined[#joined + 1] = entry end
  local isFull = #kept >= @historyMax or isFullOfBytes(kept, older)
  for _, list in ipairs({ not reaches and not isFull and older or {}, lacking }) do
    for _, entry in ipairs(list) do
      session.count = session.count + 1
      entry.seq = session.count
      joined[#joined + 1] = entry
    end
  end
end

if not isSamePast then
  session.createdAt, session.ttl = ARGV[4], tonumber(ARGV[5])
  if customOf(session) == '' then replaceCustom(session, ARGV[6]) end
end

local bound, firstJoined = newBound(), #joined + 1
while firstJoined > 1 and takeEntry(bound, joined[firstJoined - 1].seq, sizeOf(joined[firstJoined - 1])) do
  firstJoined = firstJoined - 1
end
local noted = (bound.large > 0 or session.log == '') and readSize(KEYS[2]) or nil

-- From here on it writes.
session.epoch = newEpoch(microseconds, ARGV[2], session.epoch)
session.retried = session.count
forgetLog(session)
redis.call('DEL', KEYS[2])
for n = firstJoined, #joined do
  local entry = joined[n]
  redis.call('XADD', KEYS[2], entry.seq .. '-0', entry.key, textOf(entry.id, entry.body))
end
local newest = joined[#joined]
local note = newest and renderSize(bound, session.epoch, session.count, newest.id, noted) or nil
saveSize(KEYS[2], note, noted, deadline)
saveUntil(KEYS[1], KEYS[2], session, deadline)
local _, refused = publishEvent(KEYS[2], '{"event":"epoch","epoch":"' .. session.epoch .. '"}')
return { 'forked', session.epoch, refused }
