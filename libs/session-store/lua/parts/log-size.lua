--[[
Keeps a log within its two bounds (K2): @historyMax entries, and @sessionMaxBytes bytes of sender keys and texts.

An entry is large when it has more than @largeBytes bytes, which is the second bound divided by the first. A log without
a large entry is within its bytes by its count alone, so nothing has to be counted. While a log has a large one, the key
`{session:ID}:size` notes how many bytes the log has, and the session's JSON tells nothing of the log, so that each append
comes through append-2.lua.

The note is `EPOCH SEQ ID KEPT BYTES LARGE TRIMMED`: the newest message and the number of entries when it was written, by
which a reader sees that something else has written to the log since; the bytes of the entries; the number of the newest
large one; and the newest number that was trimmed, or 0.
]]
-- @import seqOf from messages.lua

-- Entries read at once: their sizes are known only then.
local SIZES_STEP = 16

-- What the time adds to the text of a message: 13 digits until the year 2286, and a brace.
local TIME_BYTES = 14

-- keys.ts builds the same name.
local function sizeKeyOf(logKey)
  return string.sub(logKey, 1, -4) .. 'size'
end

-- Bytes of an entry's pair. Another program may have written more than one.
local function bytesOf(entry)
  local bytes = 0
  for _, text in ipairs(entry[2]) do bytes = bytes + #text end
  return bytes
end

-- The note, whatever it was written for; nil when there is none.
local function readSize(logKey)
  local epoch, seq, id, kept, bytes, large, trimmed =
    string.match(redis.call('GET', sizeKeyOf(logKey)) or '', '^(%S+) (%d+) (%S*) (%d+) (%d+) (%d+) (%d+)$')
  if not epoch then return nil end
  return {
    epoch = epoch, seq = tonumber(seq), id = id, kept = tonumber(kept), bytes = tonumber(bytes),
    large = tonumber(large), trimmed = tonumber(trimmed),
  }
end

-- The newest number that was trimmed from the log of an epoch, as far as a note tells; else 0.
local function trimmedOf(noted, epoch)
  return noted and noted.epoch == epoch and noted.trimmed or 0
end

-- Makes the note of a log that has been taken into `bound`; nil when the log has no large entry.
local function renderSize(bound, epoch, seq, id, noted)
  if bound.large == 0 then return nil end
  return string.format('%s %d %s %d %d %d %d', epoch, seq, id, bound.kept, bound.bytes, bound.large,
    math.max(bound.trimmed, trimmedOf(noted, epoch)))
end

-- Writes the note, or removes the one there was.
--   deadline  Unix ms, that of the session (K5)
local function saveSize(logKey, note, noted, deadline)
  if note then
    redis.call('SET', sizeKeyOf(logKey), note, 'PXAT', deadline)
  elseif noted then
    redis.call('DEL', sizeKeyOf(logKey))
  end
end

-- What a log may keep, empty at first: entries are taken from the newest on.
local function newBound()
  return { kept = 0, bytes = 0, large = 0, trimmed = 0 }
end

-- Takes the next older entry. Returns false when the log has no room for it; the newest one always has.
local function takeEntry(bound, seq, bytes)
  if bound.kept > 0 and (bound.kept >= @historyMax or bound.bytes + bytes > @sessionMaxBytes) then
    bound.trimmed = seq
    return false
  end
  bound.kept, bound.bytes = bound.kept + 1, bound.bytes + bytes
  if bound.large == 0 and bytes > @largeBytes then bound.large = seq end
  return true
end

-- Takes what there is room for of a stored log whose size nobody has noted.
local function takeLog(bound, logKey)
  local start = '+'
  while true do
    local page = redis.call('XREVRANGE', logKey, start, '-', 'COUNT', SIZES_STEP)
    for _, entry in ipairs(page) do
      if not takeEntry(bound, seqOf(entry), bytesOf(entry)) then return end
    end
    if #page < SIZES_STEP then return end
    start = '(' .. page[#page][1]
  end
end

-- Takes what there is room for of a stored log whose size is noted: only the entries that have to go are read.
local function takeNoted(bound, logKey, noted)
  local kept, bytes, start = noted.kept, noted.bytes, '-'
  local step = math.min(SIZES_STEP, bound.kept + 1)
  local function fits()
    if bound.kept + kept <= 1 then return true end
    return bound.kept + kept <= @historyMax and bound.bytes + bytes <= @sessionMaxBytes
  end
  while kept > 0 and not fits() do
    local page = redis.call('XRANGE', logKey, start, '+', 'COUNT', step)
    if #page == 0 then break end
    for _, entry in ipairs(page) do
      if fits() then break end
      kept, bytes, bound.trimmed = kept - 1, bytes - bytesOf(entry), seqOf(entry)
    end
    start = '(' .. page[#page][1]
  end
  bound.kept, bound.bytes = bound.kept + kept, bound.bytes + bytes
  if bound.large == 0 and noted.large > bound.trimmed then bound.large = noted.large end
end

--[[
What the log may keep when an append has added its messages.

  messages   a list with two texts per message: sender key, and text without its time
  count      number of the newest message so far   kept  number of entries in the log so far
  noted      the note, where it is still true; nil: the log is counted
]]
local function boundAppended(logKey, messages, count, kept, noted)
  local bound, isWhole = newBound(), true
  for at = #messages - 1, 1, -2 do
    isWhole = takeEntry(bound, count + (at + 1) / 2, #messages[at] + #messages[at + 1] + TIME_BYTES)
    if not isWhole then break end
  end
  if isWhole and kept > 0 then
    if noted then takeNoted(bound, logKey, noted) else takeLog(bound, logKey) end
  end
  return bound
end

-- Whether one of these messages is large; the arguments are those of boundAppended.
local function hasLarge(messages)
  for at = 1, #messages, 2 do
    if #messages[at] + #messages[at + 1] + TIME_BYTES > @largeBytes then return true end
  end
  return false
end
