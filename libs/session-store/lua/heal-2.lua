--[[
Puts back what Redis has lost of a session, from what one gateway has delivered. An entry is taken when it is exactly
the next one, or when the entries reach up to the log's first: then the log is rewritten with both. So several gateways
with different tails can heal one session.

KEYS[1] session   KEYS[2] log
ARGV[1..5]   the session as it was: epoch, created_at, ttl in s, ms it had left, custom fields ('' or ',"name":value…')
ARGV[6]      its newest number
ARGV[7..]    entries without holes, oldest first, four each: seq, id, sender key, body

Returns {'healed', count, number of the oldest entry or 0, refused}, {'deleted'}, {'quarantined'}, {'epoch'}, {'forked'}
or {'corrupt'}. `refused` is '', or what Redis said when all is stored and Redis refused to publish it.

Rules: G2; K5, K6; A6 (a log without its session goes into quarantine); G5.
]]
-- @import forgetLog, parseSession, restoredSession from session-json.lua
-- @import deadlineOf, readJson, saveUntil from stored-session.lua
-- @import isSameBody, nameOf, newestOf, publishStored, readEntry, seqOf, textOf from messages.lua
-- @import newBound, readSize, renderSize, bytesOf, saveSize, takeEntry from log-size.lua
-- @import endOf, quarantine from ended-epochs.lua
-- @import readClock from clock.lua

local FIRST = 7
-- Most messages that are published: whoever missed more reads the log.
local PUBLISHED_MAX = 50

local epoch = ARGV[1]
local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local newestSeq, newestId = newestOf(KEYS[2])
local ms, seconds = readClock()
if (json and not session) or newestSeq < 0 then return { 'corrupt' } end
if session and session.epoch ~= epoch then return { 'epoch' } end

local given = (#ARGV - FIRST + 1) / 4
local firstGiven = given > 0 and tonumber(ARGV[FIRST]) or 0
local lastGiven = firstGiven + given - 1
-- Where the id, sender key and body of a given number begin in ARGV.
local function at(seq)
  return FIRST + (seq - firstGiven) * 4 + 1
end

local deadline = ms + tonumber(ARGV[4])
local orphan = false
if session then
  deadline = deadlineOf(KEYS[1], session, ms)
else
  local ended = endOf(KEYS[2], epoch)
  if ended ~= '' then return { ended } end
  orphan = newestSeq > 0
  newestSeq, newestId = 0, ''
  local newest = tonumber(ARGV[6])
  local count = given > 0 and firstGiven - 1 or newest
  session = restoredSession(count, seconds, ARGV[2], tonumber(ARGV[3]), epoch, newest, ARGV[5])
end

local kept = newestSeq > 0 and redis.call('XRANGE', KEYS[2], '-', '+') or {}
local oldest = #kept > 0 and seqOf(kept[1]) or session.count + 1
local seqByName = {}
for seq = firstGiven, lastGiven do
  local id, senderKey = ARGV[at(seq)], ARGV[at(seq) + 1]
  if senderKey ~= '' then seqByName[nameOf(senderKey, id)] = seq end
end
for _, entry in ipairs(kept) do
  local seq, id, senderKey, body = readEntry(entry)
  if not seq then return { 'corrupt' } end
  local isCovered = given > 0 and seq >= firstGiven and seq <= lastGiven
  -- The same id with another time was stored anew: what stands before it may differ (G1).
  if isCovered and (ARGV[at(seq)] ~= id or not isSameBody(ARGV[at(seq) + 2], body)) then return { 'forked' } end
  -- The sender has repeated the message, and it was stored under another number before it could be put back.
  if (seqByName[nameOf(senderKey, id)] or seq) ~= seq then return { 'forked' } end
end

-- What the log may keep of both, from the newest on (K2).
local firstNext = session.count + 1
local isNewerGiven = given > 0 and firstGiven <= firstNext and lastGiven >= firstNext
local bound, hasRoom = newBound(), true
local function takeGiven(seq)
  local id, senderKey, body = ARGV[at(seq)], ARGV[at(seq) + 1], ARGV[at(seq) + 2]
  hasRoom = hasRoom and takeEntry(bound, seq, #senderKey + #textOf(id, body))
  return hasRoom
end
for seq = isNewerGiven and lastGiven or firstNext - 1, firstNext, -1 do takeGiven(seq) end
for n = #kept, 1, -1 do hasRoom = hasRoom and takeEntry(bound, seqOf(kept[n]), bytesOf(kept[n])) end
local firstOlder = oldest
if given > 0 and firstGiven < oldest and lastGiven >= oldest - 1 then
  while firstOlder > firstGiven and takeGiven(firstOlder - 1) do firstOlder = firstOlder - 1 end
end
local isOlderGiven = firstOlder < oldest
local isChanged = isOlderGiven or isNewerGiven
local noted = isChanged and (bound.large > 0 or session.log == '') and readSize(KEYS[2]) or nil

-- From here on it writes.
if orphan then quarantine(KEYS[1], KEYS[2], '', session.ttl, ms) end

local most = string.format('%d', bound.kept)
local function add(seq)
  local id, senderKey, body = ARGV[at(seq)], ARGV[at(seq) + 1], ARGV[at(seq) + 2]
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', most, seq .. '-0', senderKey, textOf(id, body))
end

if isOlderGiven then
  redis.call('DEL', KEYS[2])
  for seq = firstOlder, oldest - 1 do add(seq) end
  for _, entry in ipairs(kept) do redis.call('XADD', KEYS[2], 'MAXLEN', '=', most, entry[1], unpack(entry[2])) end
end
if isNewerGiven then
  for seq = firstNext, lastGiven do add(seq) end
  session.count = lastGiven
end
if isChanged then
  -- Which of them were retries is not known: every first send of a gateway that is behind is looked for (A4).
  session.retried = session.count
  forgetLog(session)
  local newest = isNewerGiven and ARGV[at(lastGiven)] or newestId
  saveSize(KEYS[2], renderSize(bound, epoch, session.count, newest, noted), noted, deadline)
end
saveUntil(KEYS[1], KEYS[2], session, deadline)

local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
-- Members of other gateways may lack what was put back.
local refused = ''
local from = math.max(firstNext, session.count - PUBLISHED_MAX + 1)
if from <= session.count then
  local idBefore = newestId
  if from > firstNext or newestSeq == 0 then idBefore = from > firstGiven and ARGV[at(from - 1)] or '' end
  local messages = {}
  for seq = from, session.count do
    messages[#messages + 1] = ARGV[at(seq) + 1]
    messages[#messages + 1] = textOf(ARGV[at(seq)], ARGV[at(seq) + 2])
  end
  refused = select(2, publishStored(KEYS[2], epoch, from, idBefore, messages))
end
return { 'healed', session.count, first and seqOf(first) or 0, refused }
