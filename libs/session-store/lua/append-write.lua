-- Included by the scripts that append: stores and publishes messages, when nothing is to be read any more.
--
-- Takes: messages, from (two each, as of append-next-2.lua), newId (of the last one), count, newestId and kept (of the
-- log), epoch, ttl and retried (of the session), rest (its JSON from behind `last_activity` up to `retried`), time.
-- Gives: first (number of the first message), subscribers.

local FRAME_HEAD, ID_HEAD = '\n{"type":"message","seq":', ',"id":"'
-- Numbers go through strings where they can: Lua writes every one with a slow and general printf.
local fraction = sub(format('%06d', time[2]), 1, 3)
local bodyEnd = time[1] .. fraction .. '}'
local first, stop = format('%d', count + 1), #messages - 1
local parts, size, seq = { 'm ', epoch, ' ', first, ' ', newestId }, 6, first
kept = kept + (stop - from + 2) / 2
for at = from, stop, 2 do
  count = count + 1
  if at > from then seq = format('%d', count) end
  local senderKey, text = messages[at], messages[at + 1] .. bodyEnd
  if at == stop and kept > @historyMax then
    call('XADD', KEYS[2], 'MAXLEN', '=', '@historyMax', seq .. '-0', senderKey, text)
    kept = @historyMax
  else
    call('XADD', KEYS[2], seq .. '-0', senderKey, text)
  end
  parts[size + 1], parts[size + 2], parts[size + 3] = '\n', senderKey, FRAME_HEAD
  parts[size + 4], parts[size + 5], parts[size + 6] = seq, ID_HEAD, text
  size = size + 6
  newestId = newId
end

local deadline = format('%d', time[1] + ttl) .. fraction
call(
  'SET', KEYS[1],
  HEAD .. (size > 6 and seq or format('%d', count)) .. NEXT .. time[1] .. '.' .. fraction .. rest .. '"retried":' .. retried .. ',"kept":'
    .. format('%d', kept) .. ',"newest":"' .. newestId .. '"}',
  'PXAT', deadline
)
call('PEXPIREAT', KEYS[2], deadline)
local subscribers = size > 6 and call('@publish', sub(KEYS[2], 1, -4) .. 'live', table.concat(parts)) or 0
