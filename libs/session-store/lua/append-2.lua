--[[
Stores and publishes a batch of messages in one step (A1, A3, A4, A6, G3). All reads come before all writes.

KEYS[1] session   KEYS[2] log
ARGV[1..3]  the caller's position: epoch ('' = none, never refused), seq, id
ARGV[4]     ttl of a new session, s
ARGV[5]     MESSAGE_HISTORY_MAX
ARGV[6]     nonce for a new epoch
ARGV[7..8]  channel, and PUBLISH or SPUBLISH
ARGV[9..10] tombstone key, prefix of quarantine keys
ARGV[11..]  four per message: retry, id, sender key, head
            retry: '' a first send; '*' look for it everywhere; 'EPOCH SEQ ID' look for it after that position
            head: the frame from "content": up to and including "timestamp":

Returns {'stored', epoch, ttl, created 0|1, subscribers, fault or '', seq…} with a negative seq for a duplicate,
or {'gone', 'deleted' | 'quarantined' | ''}, {'epoch'}, {'behind'}, {'forked'}.
]]
-- @include session.lua
-- @include quarantine.lua

local FIRST = 11
local positionEpoch, positionId = ARGV[1], ARGV[3]
local positionSeq = positionEpoch ~= '' and tonumber(ARGV[2]) or 0

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local newestSeq, newestId = newestOf(KEYS[2])
local fault = faultOf(json, session, newestSeq)
local created = false
local ended = nil
local ms, seconds, microseconds = readClock()
local newTtl = tonumber(ARGV[4])

if fault == 'log without session' and positionEpoch ~= '' then fault = nil end
if fault then
  ended = { epoch = endingEpoch(json, session), ttl = session and session.ttl or newTtl }
  if ended.epoch == '' then ended.epoch = positionEpoch end
  session, created = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[6])), true
  newestSeq, newestId = 0, ''
elseif not json then
  if positionEpoch ~= '' then return { 'gone', endOf(ARGV[9], positionEpoch) } end
  session, created = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[6])), true
elseif positionEpoch ~= '' then
  if positionEpoch ~= session.epoch then return { 'epoch' } end
  if positionSeq > session.count then return { 'behind' } end
  if positionSeq > 0 then
    local id = newestId
    if positionSeq < newestSeq then
      local entry = redis.call('XRANGE', KEYS[2], positionSeq .. '-0', positionSeq .. '-0')[1]
      id = entry and entry[2][2] or positionId
    elseif newestSeq == 0 then
      id = positionId
    end
    if id ~= positionId then return { 'forked' } end
  end
end

-- Where to look for duplicates: nowhere, or from the lowest number any message asks for. First sends are looked for
-- only when a retry was stored that their gateway had not heard of when it formed this batch.
local lookFrom, anchors = nil, {}
if newestSeq > 0 then
  if session.retried > positionSeq then lookFrom = positionSeq end
  for at = FIRST, #ARGV, 4 do
    if ARGV[at] ~= '' then
      local retryEpoch, seq, id = string.match(ARGV[at], '^(%S*) (%d+) (%S*)$')
      seq = tonumber(seq)
      if retryEpoch ~= session.epoch or seq > session.count then seq = 0 end
      if seq > 0 then anchors[#anchors + 1] = { entry = seq .. '-0', id = id } end
      if not lookFrom or seq < lookFrom then lookFrom = seq end
    end
  end
end

local seen, idOfEntry = {}, {}
local function lookThrough(start)
  for _, entry in ipairs(redis.call('XRANGE', KEYS[2], start, '+')) do
    local fields = entry[2]
    idOfEntry[entry[1]] = fields[2]
    if fields[4] ~= '' then seen[fields[4] .. ' ' .. fields[2]] = tonumber(string.match(entry[1], '^%d+')) end
  end
end
if lookFrom then
  lookThrough(lookFrom .. '-0')
  for _, anchor in ipairs(anchors) do
    if lookFrom > 0 and idOfEntry[anchor.entry] ~= anchor.id then
      lookThrough('-')
      break
    end
  end
end
-- A stream that others have emptied may still refuse the next number.
local emptied = newestSeq == 0 and not fault and redis.call('EXISTS', KEYS[2]) == 1

-- From here on it writes.
if fault then quarantine(KEYS[1], KEYS[2], ARGV[10], ARGV[9], ended.epoch, ended.ttl, ms) end
if emptied then redis.call('DEL', KEYS[2]) end

local reply = { 'stored', session.epoch, session.ttl, created and 1 or 0, 0, fault or '' }
local firstSeq = session.count + 1
local parts = { 'm ' .. session.epoch .. ' ' .. firstSeq .. ' ' .. newestId }
for at = FIRST, #ARGV, 4 do
  local id, senderKey = ARGV[at + 1], ARGV[at + 2]
  local name = senderKey ~= '' and senderKey .. ' ' .. id or nil
  local earlier = name and seen[name]
  if earlier then
    reply[#reply + 1] = -earlier
  else
    local seq = session.count + 1
    local body = ARGV[at + 3] .. ms .. '}'
    redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[5], seq .. '-0', 'i', id, 'k', senderKey, 'b', body)
    session.count = seq
    if name then seen[name] = seq end
    if ARGV[at] ~= '' then session.retried = seq end
    parts[#parts + 1] = senderKey
    parts[#parts + 1] = frameOf(seq, id, body)
    reply[#reply + 1] = seq
  end
end

session.lastActivity = seconds
saveSession(KEYS[1], KEYS[2], session, ms)
if #parts > 1 then reply[5] = redis.call(ARGV[8], ARGV[7], table.concat(parts, '\n')) end
return reply
