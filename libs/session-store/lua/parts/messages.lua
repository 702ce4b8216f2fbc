--[[
A stored message in its three forms. message-format.ts is the same for TypeScript.

- The log (K2) has one stream entry per message, numbered SEQ-0, with one pair of sender key and text. The text is
  `ID","content":…,"sender":…,"timestamp":MS}`. Its part behind `ID",` is called the body. A body up to and including
  `"timestamp":` is called the head: gateways send heads, and the append adds its own time.
- The frame (V2) is `{"type":"message","seq":SEQ,"id":"` followed by the text.
- The payload on the session's channel (K3, A3, K6) is a line `@stored EPOCH SEQ ID`, with the number of its first message and
  the id of the message before that one; then for each message a line with its sender key and a line with its frame.

The channel also brings events of the session: a line `s`, and a line of JSON.
]]
-- @import renderAppended from session-json.lua
-- @import readTyped from stored-session.lua

-- The text of an entry. With a head instead of the body it lacks the time.
local function textOf(id, body)
  return id .. '",' .. body
end

-- Number of a stream entry.
local function seqOf(entry)
  return tonumber(string.match(entry[1], '^%d+'))
end

-- Number, id and sender key of a stream entry, and where its body begins; nil when another program has written it.
local function readName(entry)
  local _, idEnd, id = string.find(entry[2][2], '^([%w._~-]*)",')
  if not id or #entry[2] > 2 then return nil end
  return seqOf(entry), id, entry[2][1], idEnd + 1
end

-- Number, id, sender key and body of a stream entry; nil when another program has written it.
local function readEntry(entry)
  local seq, id, senderKey, bodyAt = readName(entry)
  if not seq then return nil end
  return seq, id, senderKey, string.sub(entry[2][2], bodyAt)
end

-- Whether a stream entry has this stream id ('SEQ-0') and this message id.
local function isEntry(entry, streamId, id)
  return entry[1] == streamId and string.find(entry[2][2], id .. '",', 1, true) == 1
end

-- Whether the text of a stored message begins with this id and head: then it is the same message, because quotes inside
-- of a content are escaped. `text` may be nil.
local function isTextOf(text, id, head)
  return text ~= nil and string.find(text, textOf(id, head), 1, true) == 1
end

-- When a message was stored, Unix ms; 0 when its body does not tell.
local function timeOf(body)
  return tonumber(string.match(body, '"timestamp":(%d+)}$') or '') or 0
end

-- What the body of a message was encrypted with (E1): the name of the key, or '' where it is in clear. `at` is where the
-- body begins in `text`.
local function keyOf(text, at)
  return string.match(text, '^"sealed":"([%w_-]+)%.', at) or ''
end

-- Whether the text of a stored message is a repetition of this id and head. The content of one that was encrypted
-- with another key cannot be compared: id and sender have to do.
local function isRepetition(text, id, head)
  if isTextOf(text, id, head) then return true end
  return @sealed and text ~= nil and string.find(text, id .. '",', 1, true) == 1
    and keyOf(text, #id + 3) ~= keyOf(head, 1)
end

-- Whether two bodies with one id are one stored message: what was encrypted with different keys is told by its time.
local function isSameBody(a, b)
  if a == b then return true end
  return @sealed and keyOf(a, 1) ~= keyOf(b, 1) and timeOf(a) == timeOf(b)
end

-- Names a message and its repetitions alike (A4). Neither a sender key nor an id has spaces.
local function nameOf(senderKey, id)
  return senderKey .. ' ' .. id
end

-- Number and id of the newest entry: 0 and '' when the log is empty, -1 and '' when the key holds something else.
local function newestOf(logKey)
  local reply = readTyped('XREVRANGE', logKey, '+', '-', 'COUNT', 1)
  if not reply then return -1, '' end
  if not reply[1] then return 0, '' end
  local seq, id = readName(reply[1])
  return seq or -1, id or ''
end

-- Publishes on the session's channel, for which keys.ts builds the same name, after everything is written. Returns the
-- number of subscribers and ''. Where Redis refuses to publish it returns -1 and what Redis said: an error would tell the caller
-- that nothing was done (A1).
local function publish(logKey, payload)
  local heard = redis.pcall('@publish', string.sub(logKey, 1, -4) .. '@live', payload)
  if type(heard) == 'number' then return heard, '' end
  return -1, heard.err
end

-- Whether anybody is subscribed to that channel.
local function hasSubscribers(logKey)
  return redis.call('PUBSUB', '@numsub', string.sub(logKey, 1, -4) .. '@live')[2] > 0
end

-- Publishes an event of the session (V7). `json` is an object.
local function publishEvent(logKey, json)
  return publish(logKey, 's\n' .. json)
end

-- Publishes messages that are in the log. `messages` is a list with two texts per message: sender key, and text.
local function publishStored(logKey, epoch, firstSeq, idBefore, messages)
  local parts = { '@stored ' .. epoch .. ' ' .. firstSeq .. ' ' .. idBefore }
  for at = 1, #messages, 2 do
    parts[#parts + 1] = messages[at]
    parts[#parts + 1] = '{"type":"message","seq":' .. firstSeq + (at - 1) / 2 .. ',"id":"' .. messages[at + 1]
  end
  return publish(logKey, table.concat(parts, '\n'))
end

--[[
The writing half of an append (A1): adds messages to the log, saves the session, lets both expire together (K5), and
publishes the messages. It reads nothing. What it calls and builds is counted: it is what an append costs.

  time       what TIME returned
  messages   a list with two texts per message from index `from` on: sender key, and text without its time
  from       1, or where the messages begin in the list
  lastId     id of the last message, or `newestId` when there are no messages
  count      number of the newest message so far     kept   number of entries in the log so far
  newestId   id of the newest message so far         ttl    of the session, s, as text or number
  rest       what readForAppend or restForAppend returned
  most       entries that the log may keep, where its bytes allow no more than that (K2); nil: @historyMax
  note       what is to be noted of the log's size: then the JSON tells nothing of the log; nil: nothing

Returns the number of the first message as text, and what publish returns: 0 and '' when there are no messages.
]]
local function storeMessages(sessionKey, logKey, time, messages, from, lastId, count, kept, newestId, epoch, ttl, rest,
  most, note)
  local format, sub, call = string.format, string.sub, redis.call
  -- Numbers become text once: Lua converts every number with a slow and general printf.
  local fraction = sub('00000' .. time[2], -6, -4)
  local ending = time[1] .. fraction .. '}'
  local first, stop = format('%d', count + 1), #messages - 1
  -- The table has room for one message from the start: Lua copies a table that grows.
  local parts, size, seq = { '@stored ', epoch, ' ', first, ' ', newestId, nil, nil, nil, nil, nil, nil }, 6, first
  kept = kept + (stop - from + 2) / 2
  for at = from, stop, 2 do
    count = count + 1
    if at > from then seq = format('%d', count) end
    local senderKey, text = messages[at], messages[at + 1] .. ending
    if at == stop and kept > (most or @historyMax) then
      call('XADD', logKey, 'MAXLEN', '=', most and format('%d', most) or '@historyMax', seq .. '-0', senderKey, text)
      kept = most or @historyMax
    else
      call('XADD', logKey, seq .. '-0', senderKey, text)
    end
    parts[size + 1], parts[size + 2], parts[size + 3] = '\n', senderKey, '\n{"type":"message","seq":'
    parts[size + 4], parts[size + 5], parts[size + 6] = seq, ',"id":"', text
    size = size + 6
  end
  local deadline = format('%d', time[1] + ttl) .. fraction
  local json = renderAppended(size > 6 and seq or format('%d', count), time[1] .. '.' .. fraction, rest,
    not note and (kept == @historyMax and '@historyMax' or format('%d', kept)), lastId)
  call('SET', sessionKey, json, 'PXAT', deadline)
  call('PEXPIREAT', logKey, deadline)
  if note then call('SET', sub(logKey, 1, -4) .. 'size', note, 'PXAT', deadline) end
  if size == 6 then return first, 0, '' end
  return first, publish(logKey, table.concat(parts))
end
