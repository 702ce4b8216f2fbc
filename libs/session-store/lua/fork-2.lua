--[[
Settles two histories of one session (G4): if the session still has the epoch that the caller saw, both are joined
under a new epoch, which is published. Numbers go on: they never fall below what either side has delivered.

KEYS[1] session   KEYS[2] log
ARGV[1] epoch the caller saw       ARGV[2] nonce for the new one   ARGV[3] MESSAGE_HISTORY_MAX
ARGV[4..5] channel, and PUBLISH or SPUBLISH
ARGV[6] 1: the log's entries below the caller's first one are older than it; 0: unless both have an entry in common, the
        session was made by somebody who did not know of the caller's, which lives on in it
ARGV[7..9] the caller's: created_at, ttl in s, custom fields ('' or ',"name":value…')
ARGV[10] the newest number the caller has delivered
ARGV[11..] what it still has of that, up to the newest, oldest first, four each: seq, id, sender key, body

Returns {'forked', new epoch}, {'gone'}, {'epoch'} or {'corrupt'}.
]]
-- @include session.lua

local FIRST = 11

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

local function nameOf(entry)
  return entry.key .. ' ' .. entry.id
end

local function namesOf(entries)
  local names = {}
  for _, entry in ipairs(entries) do names[nameOf(entry)] = true end
  return names
end

-- Whoever has the same entry under the same number has the same past: others have joined the two already.
local keptAt = {}
for _, entry in ipairs(kept) do keptAt[entry.seq] = entry end
local isSamePast = ARGV[6] == '1'
for _, entry in ipairs(given) do
  local there = keptAt[entry.seq]
  if there and nameOf(there) == nameOf(entry) and there.body == entry.body then isSamePast = true end
end

-- A lower number is older only where the time says so too: somebody who has lost more may have gone on from there.
local function timeOf(entry)
  return tonumber(string.match(entry.body, '"timestamp":(%d+)}$') or '') or 0
end
local function isOlder(entry, first, firstSeq)
  return isSamePast and entry.seq < firstSeq and (not first or timeOf(entry) <= timeOf(first))
end

local lastGiven = tonumber(ARGV[10])
local firstGiven = #given > 0 and given[1].seq or lastGiven + 1
local joined = {}
if lastGiven > session.count then
  -- The caller's numbers stay. What is older moves up to them, what is another's follows.
  local names = namesOf(given)
  local older, others = {}, {}
  for _, entry in ipairs(kept) do
    if not names[nameOf(entry)] then
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
  -- The log's numbers stay. What it lacks follows; what is older than its first stays before that, or was trimmed.
  local names = namesOf(kept)
  local firstKept = #kept > 0 and kept[1].seq or session.count + 1
  local older, lacking = {}, {}
  for _, entry in ipairs(given) do
    if not names[nameOf(entry)] then
      local list = isOlder(entry, kept[1], firstKept) and older or lacking
      list[#list + 1] = entry
    end
  end
  local reaches = #older > 0 and older[#older].seq == firstKept - 1 and older[1].seq == firstKept - #older
  if reaches then
    for _, entry in ipairs(older) do joined[#joined + 1] = entry end
  end
  for _, entry in ipairs(kept) do joined[#joined + 1] = entry end
  local isFull = #kept >= tonumber(ARGV[3])
  for _, list in ipairs({ not reaches and not isFull and older or {}, lacking }) do
    for _, entry in ipairs(list) do
      session.count = session.count + 1
      entry.seq = session.count
      joined[#joined + 1] = entry
    end
  end
end

if not isSamePast then
  session.createdAt, session.ttl = ARGV[7], tonumber(ARGV[8])
  if customOf(session) == '' then session.middle = session.middle .. ARGV[9] end
end

-- From here on it writes.
session.epoch = newEpoch(microseconds, ARGV[2], session.epoch)
session.retried, session.log = session.count, ''
redis.call('DEL', KEYS[2])
for _, entry in ipairs(joined) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[3], entry.seq .. '-0', entry.key, textOf(entry.id, entry.body))
end
saveUntil(KEYS[1], KEYS[2], session, deadline)
redis.call(ARGV[5], ARGV[4], 's\n{"event":"epoch","epoch":"' .. session.epoch .. '"}')
return { 'forked', session.epoch }
