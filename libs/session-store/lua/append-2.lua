--[[
Stores and publishes a batch of messages in one step (A1, A3, A4, A6, G3). All reads come before all writes.

KEYS[1] session   KEYS[2] log
ARGV[1..3]  the caller's position: epoch ('' = none, never refused), seq, id
ARGV[4]     ttl of a new session, s
ARGV[5]     nonce for a new epoch
ARGV[6..7]  tombstone key, prefix of quarantine keys
ARGV[8..]   four per message: retry, id, sender key, head
            retry: '' a first send; '*' look for it everywhere; 'EPOCH SEQ ID' look for it after that position
            head: the frame from `"content":` up to and including `"timestamp":`

Returns one string, which is quicker to read than a list: 'stored EPOCH TTL CREATED SUBSCRIBERS SEQ…', CREATED 0 or 1,
a negative SEQ for a duplicate, and after a newline what was wrong with what is in quarantine now;
or 'gone', 'gone deleted', 'gone quarantined', 'epoch', 'behind', 'forked'.
]]
-- @include session.lua
-- @include quarantine.lua

local FIRST = 8
local HEAD, NEXT = '{"data":{"count":', ',"last_activity":'
local format, sub, call = string.format, string.sub, redis.call
local positionEpoch, positionId = ARGV[1], ARGV[3]
local positionSeq = positionEpoch ~= '' and tonumber(ARGV[2]) or 0

local time = call('TIME')
local ms, seconds, microseconds = clockOf(time)
local found = readJson(KEYS[1])
local session = found and parseSession(found) or nil
local newestSeq, newestId = newestOf(KEYS[2])
local newTtl = tonumber(ARGV[4])
local created, ended = '0', nil
local fault = faultOf(found, session, newestSeq)
if fault == 'log without session' and positionEpoch ~= '' then fault = nil end
if fault then
  ended = { epoch = endingEpoch(found, session), ttl = session and session.ttl or newTtl }
  if ended.epoch == '' then ended.epoch = positionEpoch end
  session, created = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[5])), '1'
  newestSeq, newestId = 0, ''
elseif not found then
  if positionEpoch ~= '' then
    local how = endOf(ARGV[6], positionEpoch)
    return how == '' and 'gone' or 'gone ' .. how
  end
  session, created = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[5])), '1'
elseif positionEpoch ~= '' then
  if positionEpoch ~= session.epoch then return 'epoch' end
  if positionSeq > session.count then return 'behind' end
  if positionSeq > 0 then
    local idThere = newestId
    if positionSeq < newestSeq then
      local entry = call('XRANGE', KEYS[2], positionSeq .. '-0', positionSeq .. '-0')[1]
      idThere = entry and select(2, readEntry(entry)) or positionId
    elseif newestSeq == 0 then
      idThere = positionId
    end
    if idThere ~= positionId then return 'forked' end
  end
end

-- Where to look for duplicates: nowhere, or from the lowest number any message asks for. First sends are looked for
-- only when a retry was stored that their gateway had not heard of when it formed this batch.
local lookFrom, anchors = nil, {}
if newestSeq > 0 then
  if session.retried > positionSeq then lookFrom = positionSeq end
  for at = FIRST, #ARGV, 4 do
    if ARGV[at] ~= '' then
      local retryEpoch, seq, anchorId = string.match(ARGV[at], '^(%S*) (%d+) (%S*)$')
      seq = tonumber(seq)
      if retryEpoch ~= session.epoch or seq > session.count then seq = 0 end
      if seq > 0 then anchors[#anchors + 1] = { seq = seq, id = anchorId } end
      if not lookFrom or seq < lookFrom then lookFrom = seq end
    end
  end
end
-- What was stored already, by sender key and id.
local seen, idOf = {}, {}
local function lookThrough(start)
  for _, entry in ipairs(call('XRANGE', KEYS[2], start, '+')) do
    local seq, id, senderKey = readEntry(entry)
    if seq then
      idOf[seq] = id
      if senderKey ~= '' then seen[senderKey .. ' ' .. id] = seq end
    end
  end
end
if lookFrom then
  lookThrough(lookFrom .. '-0')
  for _, anchor in ipairs(anchors) do
    if lookFrom > 0 and idOf[anchor.seq] ~= anchor.id then
      lookThrough('-')
      break
    end
  end
end
local kept = newestSeq > 0 and call('XLEN', KEYS[2]) or 0
-- A stream that others have emptied may still refuse the next number.
local emptied = newestSeq == 0 and not fault and call('EXISTS', KEYS[2]) == 1

local count, epoch, ttl, retried, rest = session.count, session.epoch, session.ttl, session.retried, restOf(session)
local messages, from, newId, seqs = {}, 1, newestId, {}
for at = FIRST, #ARGV, 4 do
  local id, senderKey = ARGV[at + 1], ARGV[at + 2]
  local name = senderKey ~= '' and senderKey .. ' ' .. id
  local earlier = name and seen[name]
  if earlier then
    seqs[#seqs + 1] = -earlier
  else
    messages[#messages + 1] = senderKey
    messages[#messages + 1] = textOf(id, ARGV[at + 3])
    local seq = count + #messages / 2
    if name then seen[name] = seq end
    if ARGV[at] ~= '' then retried = seq end
    seqs[#seqs + 1] = seq
    newId = id
  end
end

-- From here on it writes.
if fault then quarantine(KEYS[1], KEYS[2], ARGV[7], ARGV[6], ended.epoch, ended.ttl, ms) end
if emptied then call('DEL', KEYS[2]) end
-- @include append-write.lua
local answer = 'stored ' .. epoch .. ' ' .. ttl .. ' ' .. created .. ' ' .. subscribers
for _, number in ipairs(seqs) do answer = answer .. ' ' .. format('%d', number) end
return fault and answer .. '\n' .. fault or answer
