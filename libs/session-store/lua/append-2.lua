--[[
Stores and publishes a batch of messages in one step, whatever state the session is in. All reads come before all
writes (A1).

KEYS[1] session   KEYS[2] log
ARGV[1..3]  the caller's position: epoch ('' = none, never refused), seq, id
ARGV[4]     ttl of a new session, s
ARGV[5]     nonce for a new epoch
ARGV[6..]   four per message: retry, id, sender key, head (see parts/messages.lua)
            retry: '' a first send; '* 0 *' look for it everywhere; 'EPOCH SEQ ID' look for it after that position

Returns one string, which is quicker to read than a list: 'stored EPOCH TTL CREATED SUBSCRIBERS SEQ…', where CREATED is
0 or 1, and SEQ is -SEQ for a duplicate and !SEQ for an id that a message with another content has. A second line tells what was wrong with a session that is in quarantine now.
SUBSCRIBERS is -1 when the messages are stored and Redis refused to publish them: then the second line may be empty, and
a third one tells what Redis said. Or, and nothing was stored: 'gone', 'gone deleted', 'gone quarantined', 'epoch', 'behind', 'forked',
'foreign' when the key of the session belongs to another program, or 'index': the log is being read for the index of its
names, a part in each call, and the caller calls again at once.

Rules: A1 one step; A3 ready to forward; A4 duplicates; A6 quarantine; K8 foreign keys; G3 refusals; K5, K6.
]]
-- @import endingEpoch, newSession, parseSession, restForAppend from session-json.lua
-- @import isRepetition, isTextOf, nameOf, newestOf, readName, storeMessages, textOf from messages.lua
-- @import readJson from stored-session.lua
-- @import boundAppended, hasLarge, readSize, renderSize, sizeKeyOf from log-size.lua
-- @import endOf, epochBefore, faultOf, isForeign, quarantine from ended-epochs.lua
-- @import newEpoch, readClock from clock.lua
-- @import dropIndex, entryAt, findNamed, readIndex, readOn, writeIndex from name-index.lua

local FIRST = 6
-- Most entries that are searched without the index.
local READ_MAX = 128
local call = redis.call
local positionEpoch, positionId = ARGV[1], ARGV[3]
local positionSeq = positionEpoch ~= '' and tonumber(ARGV[2]) or 0

local ms, seconds, microseconds, time = readClock()
local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
local newestSeq, newestId = newestOf(KEYS[2])
local newTtl = tonumber(ARGV[4])
local created, ended = '0', nil
if isForeign(json, session, newestSeq) then return 'foreign' end
local fault = faultOf(json, session, newestSeq)
if fault == 'log without session' and positionEpoch ~= '' then fault = nil end
if fault then
  ended = { epoch = endingEpoch(json, session), ttl = session and session.ttl or newTtl }
  if ended.epoch == '' then ended.epoch = positionEpoch end
  session = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[5], epochBefore(KEYS[2], ended.epoch)))
  created, newestSeq, newestId = '1', 0, ''
elseif not json then
  if positionEpoch ~= '' then
    local how = endOf(KEYS[2], positionEpoch)
    return how == '' and 'gone' or 'gone ' .. how
  end
  session = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[5], epochBefore(KEYS[2], '')))
  created = '1'
elseif positionEpoch ~= '' then
  if positionEpoch ~= session.epoch then return 'epoch' end
  if positionSeq > session.count then return 'behind' end
  if positionSeq > 0 then
    local idThere = newestId
    if positionSeq < newestSeq then
      local entry = call('XRANGE', KEYS[2], positionSeq .. '-0', positionSeq .. '-0')[1]
      idThere = entry and select(2, readName(entry)) or positionId
    elseif newestSeq == 0 then
      idThere = positionId
    end
    if idThere ~= positionId then return 'forked' end
  end
end

local kept = newestSeq > 0 and call('XLEN', KEYS[2]) or 0
local deadline = ms + session.ttl * 1000

-- Where the search for duplicates begins: nil for no search, otherwise the lowest number that a message asks for. The
-- caller has looked for first sends among what it has delivered. Only a retry that was stored after its position can be
-- the same message, so first sends are searched for only when there is one.
local searchFrom, anchors = nil, {}
if newestSeq > 0 then
  if session.retried > positionSeq then searchFrom = positionSeq end
  for at = FIRST, #ARGV, 4 do
    if ARGV[at] ~= '' then
      local retryEpoch, seq, anchorId = string.match(ARGV[at], '^(%S*) (%d+) (%S*)$')
      seq = tonumber(seq)
      if retryEpoch ~= session.epoch or seq > session.count then seq = 0 end
      if seq > 0 then anchors[#anchors + 1] = { seq = seq, id = anchorId } end
      if not searchFrom or seq < searchFrom then searchFrom = seq end
    end
  end
end
-- Numbers of stored messages by name, and their texts by number.
local seqByName, textBySeq = {}, {}

-- Reads the log from a number on, if that is little. Returns whether it was.
local function searchLog(fromSeq)
  if math.min(kept, newestSeq - fromSeq + 1) > READ_MAX then return false end
  return (readOn(KEYS[2], fromSeq .. '-0', newestSeq, READ_MAX, @searchBytes / 4, function(entry)
    local seq, id, senderKey = readName(entry)
    if seq then
      textBySeq[seq] = entry[2][2]
      if senderKey ~= '' then seqByName[nameOf(senderKey, id)] = seq end
    end
  end))
end

-- Whether a message that a sender knew is no longer there under its number: then everything that is kept is searched.
--   textAt  returns the text under a number, or nil
local function isAnyMissing(textAt)
  for _, anchor in ipairs(anchors) do
    if not isTextOf(textAt(anchor.seq), anchor.id, '') then return true end
  end
  return false
end

local isFound = not searchFrom or searchLog(searchFrom)
if isFound and searchFrom and searchFrom > 0 and isAnyMissing(function(seq) return textBySeq[seq] end) then
  searchFrom = 0
  isFound = searchLog(0)
end
local index = nil
if not isFound then
  index = readIndex(KEYS[2], session.epoch, newestSeq)
  if not index.isWhole then
    writeIndex(index, deadline)
    return 'index'
  end
  seqByName, textBySeq = {}, {}
  for at = FIRST, #ARGV, 4 do
    local name = nameOf(ARGV[at + 2], ARGV[at + 1])
    if ARGV[at + 2] ~= '' and not seqByName[name] then
      local seq, text = findNamed(index, name)
      if seq == false then
        dropIndex(KEYS[2])
        return 'index'
      end
      -- A message before the position that a retry names is another one, as long as that position holds.
      if seq and seq < searchFrom and isAnyMissing(function(known)
        local entry = entryAt(KEYS[2], string.format('%d-0', known))
        return entry and entry[2][2]
      end) then searchFrom = 0 end
      if seq and seq >= searchFrom then seqByName[name], textBySeq[seq] = seq, text end
    end
  end
end
-- A stream that another program has emptied may still refuse the next number.
local emptied = newestSeq == 0 and not fault and call('EXISTS', KEYS[2]) == 1

local retried, lastId, messages, seqs = session.retried, newestId, {}, {}
for at = FIRST, #ARGV, 4 do
  local id, senderKey, head = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local name = senderKey ~= '' and nameOf(senderKey, id)
  local earlier = name and seqByName[name]
  if earlier then
    seqs[#seqs + 1] = string.format(isRepetition(textBySeq[earlier], id, head) and '-%d' or '!%d', earlier)
  else
    messages[#messages + 1] = senderKey
    messages[#messages + 1] = textOf(id, head)
    local seq = session.count + #messages / 2
    if name then seqByName[name], textBySeq[seq] = seq, textOf(id, head) end
    if ARGV[at] ~= '' then retried = seq end
    seqs[#seqs + 1] = string.format('%d', seq)
    lastId = id
  end
end

-- The log's bytes are counted where one of its entries may be large (K2): the session does not tell of the log then.
local bound, noted, note = {}, nil, nil
if (session.log == '' and newestSeq > 0) or hasLarge(messages) then
  noted = readSize(KEYS[2])
  local isTrue = noted and noted.epoch == session.epoch and noted.seq == newestSeq and noted.id == newestId
    and noted.kept == kept
  bound = boundAppended(KEYS[2], messages, session.count, kept, isTrue and noted or nil)
  note = renderSize(bound, session.epoch, session.count + #messages / 2, lastId, noted)
end

-- From here on it writes.
if fault then quarantine(KEYS[1], KEYS[2], ended.epoch, ended.ttl, ms) end
if emptied then call('DEL', KEYS[2]) end
if noted and not note then call('DEL', sizeKeyOf(KEYS[2])) end
if index then writeIndex(index, deadline) end
local _, subscribers, refused = storeMessages(KEYS[1], KEYS[2], time, messages, 1, lastId, session.count, kept, newestId,
  session.epoch, session.ttl, restForAppend(session, retried), bound.kept, note)
local answer = 'stored ' .. session.epoch .. ' ' .. session.ttl .. ' ' .. created .. ' ' .. subscribers
for _, seq in ipairs(seqs) do answer = answer .. ' ' .. seq end
if subscribers < 0 then return answer .. '\n' .. (fault or '') .. '\n' .. refused end
return fault and answer .. '\n' .. fault or answer
