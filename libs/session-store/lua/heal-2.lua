--[[
Puts back what Redis has lost of a session, from what one gateway has delivered (G2). An entry is taken when it is
exactly the next one, or when the entries reach up to the log's first: then the log is rewritten with both. So several
gateways with different tails can heal one session.

KEYS[1] session   KEYS[2] log
ARGV[1..5]   the session as it was: epoch, created_at, ttl in s, ms it had left, custom fields ('' or ',"name":value…')
ARGV[6]      its newest number   ARGV[7] MESSAGE_HISTORY_MAX   ARGV[8..9] channel, and PUBLISH or SPUBLISH
ARGV[10..11] tombstone key, prefix of quarantine keys
ARGV[12..]   entries without holes, oldest first, four each: seq, id, sender key, body

Returns {'healed', count, number of the oldest entry or 0}, {'deleted'}, {'quarantined'}, {'epoch'}, {'forked'} or
{'corrupt'}.
]]
-- @include session.lua
-- @include quarantine.lua

local FIRST = 12
-- Whoever missed more than this reads the log.
local PUBLISHED = 50

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
local deadline = ms + tonumber(ARGV[4])
local orphan = false
if session then
  deadline = deadlineOf(KEYS[1], session, ms)
else
  local ended = endOf(ARGV[10], epoch)
  if ended ~= '' then return { ended } end
  orphan = newestSeq > 0
  newestSeq, newestId = 0, ''
  session = {
    count = given > 0 and firstGiven - 1 or tonumber(ARGV[6]),
    lastActivity = seconds, middle = ARGV[5], createdAt = ARGV[2], ttl = tonumber(ARGV[3]), epoch = epoch,
    retried = tonumber(ARGV[6]), log = '',
  }
end

local kept = newestSeq > 0 and redis.call('XRANGE', KEYS[2], '-', '+') or {}
local oldest = #kept > 0 and tonumber(string.match(kept[1][1], '^%d+')) or session.count + 1
local seqOf = {}
for at = 0, given - 1 do
  local id, senderKey = ARGV[FIRST + at * 4 + 1], ARGV[FIRST + at * 4 + 2]
  if senderKey ~= '' then seqOf[senderKey .. ' ' .. id] = firstGiven + at end
end
for _, entry in ipairs(kept) do
  local seq, id, senderKey = readEntry(entry)
  if not seq then return { 'corrupt' } end
  local isCovered = given > 0 and seq >= firstGiven and seq <= lastGiven
  if isCovered and ARGV[FIRST + (seq - firstGiven) * 4 + 1] ~= id then return { 'forked' } end
  -- Its sender has repeated it, and it was stored again before it could be put back.
  if (seqOf[senderKey .. ' ' .. id] or seq) ~= seq then return { 'forked' } end
end

-- From here on it writes.
if orphan then quarantine(KEYS[1], KEYS[2], ARGV[11], ARGV[10], '', session.ttl, ms) end

local function add(seq)
  local at = FIRST + (seq - firstGiven) * 4
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[7], seq .. '-0', ARGV[at + 2], textOf(ARGV[at + 1], ARGV[at + 3]))
end

local isOlderGiven = given > 0 and firstGiven < oldest and lastGiven >= oldest - 1
if isOlderGiven then
  redis.call('DEL', KEYS[2])
  for seq = firstGiven, oldest - 1 do add(seq) end
  for _, entry in ipairs(kept) do
    redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[7], entry[1], unpack(entry[2]))
  end
end

local firstNext = session.count + 1
local isNewerGiven = given > 0 and firstGiven <= firstNext and lastGiven >= firstNext
if isNewerGiven then
  for seq = firstNext, lastGiven do add(seq) end
  session.count = lastGiven
end
-- Which of them were retries is not known: every first send of a gateway that is behind is looked for (A4).
if isOlderGiven or isNewerGiven then session.retried, session.log = session.count, '' end
saveUntil(KEYS[1], KEYS[2], session, deadline)

-- Members of other gateways may lack what was put back.
local from = math.max(firstNext, session.count - PUBLISHED + 1)
if from <= session.count then
  local before = newestId
  if from > firstNext or newestSeq == 0 then
    before = from > firstGiven and ARGV[FIRST + (from - 1 - firstGiven) * 4 + 1] or ''
  end
  local parts = { 'm ' .. epoch .. ' ' .. from .. ' ' .. before }
  for seq = from, session.count do
    local at = FIRST + (seq - firstGiven) * 4
    parts[#parts + 1] = ARGV[at + 2]
    parts[#parts + 1] = frameOf(seq, ARGV[at + 1], ARGV[at + 3])
  end
  redis.call(ARGV[9], ARGV[8], table.concat(parts, '\n'))
end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
return { 'healed', session.count, first and tonumber(string.match(first[1], '^%d+')) or 0 }
