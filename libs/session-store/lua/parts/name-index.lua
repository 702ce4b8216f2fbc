--[[
The index of a log: which number the newest message of a name has (A4). It is made when a search would read much of the
log otherwise, and brought up to date by later searches. Appends that search for nothing never touch it. It stands in a
sorted set beside the log, `{session:ID}:names`, which keys.ts names alike:

  score SEQ   member 'SENDERKEY ID': a message of that name is kept under SEQ, and no later one up to the mark
  score -1    member 'end STREAMID EPOCH FIRST DIGEST': the mark. All entries from number FIRST up to the entry STREAMID
              were read when the session had that epoch, and DIGEST tells what the entry STREAMID was then

Whatever else writes the log leaves the index as it is. The index is believed as far as its mark fits: the session still
has the epoch, the log still has that entry byte for byte (then it has what stands before it, G1), and it begins at
FIRST or later (so nothing was put back before what was read, G2). Otherwise it is made anew. What a member tells is
compared with the entry each time.
]]
-- @import nameOf, readName, seqOf from messages.lua
-- @import readTyped from stored-session.lua

-- Entries that are read at once: their sizes are known only afterwards.
local STEP = 4
-- Most entries that one call reads for the index.
local INDEXED_MAX = 1000
-- Most arguments of one ZADD: Lua passes at most 8,000.
local ADDED_MAX = 1000

local function namesKeyOf(logKey)
  return string.sub(logKey, 1, -4) .. 'names'
end

-- Reads the log from a stream id on.
--   most, maxBytes  after so many entries or bytes it stops      take  is called with each entry
-- Returns whether it has read up to the newest, and the entry that it read last.
local function readOn(logKey, start, newestSeq, most, maxBytes, take)
  local last, count, bytes = nil, 0, 0
  while count < most and bytes < maxBytes do
    local page = redis.call('XRANGE', logKey, start, '+', 'COUNT', STEP)
    for _, entry in ipairs(page) do
      for _, text in ipairs(entry[2]) do bytes = bytes + #text end
      take(entry)
      last = entry
    end
    if #page < STEP or seqOf(last) == newestSeq then return true, last end
    count, start = count + STEP, '(' .. last[1]
  end
  return false, last
end

-- The entry with this stream id, or nil.
local function entryAt(logKey, streamId)
  return redis.call('XRANGE', logKey, streamId, streamId)[1]
end

-- Tells entries apart byte for byte.
local function digestOf(entry)
  return redis.sha1hex(table.concat(entry[2], '\n'))
end

-- Reads the mark of the index. Returns three values: the mark, or nil where there is none; whether there is a key, which
-- is deleted before another index is made; and whether the key cannot be reached, because its slot is on the move (A7).
local function readMark(key)
  local found = redis.pcall('ZRANGE', key, 0, 0)
  if not found.err then return found[1], found[1] ~= nil, false end
  if string.find(found.err, ' non local key ', 1, true) then return nil, false, true end
  return nil, readTyped('ZRANGE', key, 0, 0) == nil, false
end

-- Reads the mark of the index, and of the log what the index lacks, about as many bytes as one call may read. The log
-- must not be empty. Where the index cannot be reached, the whole log is read in its place. Changes nothing: writeIndex
-- does. Returns a table:
--   isWhole   whether the index holds the whole log once it is written
--   isAnew    whether nothing of what is stored is believed     isStored  whether anything is
--   firstSeq  number of the log's oldest entry                  added     the newest numbers by name, as far as read now
--   members   scores and members to be written                  mark      the new mark; nil when nothing was read
local function readIndex(logKey, epoch, newestSeq)
  local index = { logKey = logKey, key = namesKeyOf(logKey), added = {}, members = {}, isAnew = true }
  index.firstSeq = seqOf(redis.call('XRANGE', logKey, '-', '+', 'COUNT', 1)[1])
  local mark, isStored, isAway = readMark(index.key)
  index.isStored = isStored
  local streamId, ofEpoch, first, digest = string.match(mark or '', '^end (%S+) (%S+) (%d+) (%x+)$')
  local start, most, maxBytes = '-', INDEXED_MAX, math.max(1, @searchBytes)
  if isAway then most, maxBytes = math.huge, math.huge end
  if ofEpoch == epoch and tonumber(first) <= index.firstSeq then
    local entry = entryAt(logKey, streamId)
    if entry and digestOf(entry) == digest then index.isAnew, start = false, '(' .. streamId end
  end
  local isWhole, last = readOn(logKey, start, newestSeq, most, maxBytes, function(entry)
    local seq, id, senderKey = readName(entry)
    -- Entries of other programs have other stream ids, or cannot be read.
    if seq and senderKey ~= '' and entry[1] == string.format('%d-0', seq) then
      local name = nameOf(senderKey, id)
      index.added[name] = seq
      index.members[#index.members + 1] = string.format('%d', seq)
      index.members[#index.members + 1] = name
    end
  end)
  index.isWhole = isWhole
  if last and not isAway then
    index.mark = string.format('end %s %s %d %s', last[1], epoch, index.firstSeq, digestOf(last))
  end
  return index
end

-- Looks a name up, in an index that is whole. Returns the number and the text of the kept message of that name; nil when
-- none is kept; false when the index tells something else than the log.
local function findNamed(index, name)
  local seq = index.added[name] or not index.isAnew and tonumber(redis.call('ZSCORE', index.key, name))
  if not seq or seq < index.firstSeq then return nil end
  local entry = entryAt(index.logKey, string.format('%d-0', seq))
  local id, senderKey
  if entry then id, senderKey = select(2, readName(entry)) end
  if not id or nameOf(senderKey, id) ~= name then return false end
  return seq, entry[2][2]
end

-- Writes what readIndex has read, and forgets what the log no longer has, so that the index has the log's bounds.
local function writeIndex(index, deadline)
  if not index.mark then return end
  local call, key, members = redis.call, index.key, index.members
  if index.isAnew and index.isStored then call('DEL', key) end
  for from = 1, #members, ADDED_MAX do
    call('ZADD', key, unpack(members, from, math.min(from + ADDED_MAX - 1, #members)))
  end
  if not index.isAnew then call('ZREMRANGEBYSCORE', key, -1, '(' .. string.format('%d', index.firstSeq)) end
  call('ZADD', key, -1, index.mark)
  call('PEXPIREAT', key, string.format('%d', deadline))
end

-- Forgets the index.
local function dropIndex(logKey)
  redis.call('DEL', namesKeyOf(logKey))
end
