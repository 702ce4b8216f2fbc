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

Returns one string, which is quicker to read than a list: 'stored EPOCH TTL CREATED SUBSCRIBERS SEQ…', CREATED 0 or 1,
a negative SEQ for a duplicate, and after a newline what was wrong with what is in quarantine now;
or 'gone', 'gone deleted', 'gone quarantined', 'epoch', 'behind', 'forked'.
]]

local FIRST = 11
local positionEpoch, positionId = ARGV[1], ARGV[3]
local positionSeq = positionEpoch ~= '' and tonumber(ARGV[2]) or 0
local format, find, sub, byte, call = string.format, string.find, string.sub, string.byte, redis.call

local time = call('TIME')
local fraction = format('%03d', tonumber(time[2]) / 1000)
-- As strings: Lua writes every number with a slow and general printf.
local ms, seconds = time[1] .. fraction, time[1] .. '.' .. fraction

-- What is to be written: number and id of the newest entry, the JSON from behind `last_activity` up to `retried`, and
-- what was stored already, by sender key and id.
local count, newestId, json, rest, ttl, epoch, retried
local created, seen, fault = '0', {}, nil

-- Almost every call: a session as it should be, and first sends only. What does not fit is looked at in full below.
-- Plain finds, because patterns cost more than all of the commands together.
local HEAD, NEXT = '{"data":{"count":', ',"last_activity":'
local stored = positionEpoch ~= '' and redis.pcall('GET', KEYS[1])
if type(stored) == 'string' and sub(stored, 1, #HEAD) == HEAD then
  local ending = ',"epoch":"' .. positionEpoch .. '","retried":'
  local epochAt, epochEnd = find(stored, ending, -#ending - 16, true)
  local _, ttlAt = find(stored, ',"ttl":', (epochAt or 0) - 22, true)
  local countEnd = find(stored, ',', #HEAD, true)
  -- Seconds with three digits of fraction have fourteen characters until the year 2286.
  local restAt = countEnd + #NEXT + 14
  local after = byte(stored, restAt)
  if epochAt and ttlAt and ttlAt < epochAt and (after == 44 or after == 125) and sub(stored, countEnd, restAt - 15) == NEXT then
    count, ttl, retried = sub(stored, #HEAD + 1, countEnd - 1), sub(stored, ttlAt + 1, epochAt - 1), sub(stored, epochEnd + 1, -2)
    epoch, rest = positionEpoch, sub(stored, restAt, epochEnd - #'"retried":')
    if not (tonumber(count) and tonumber(ttl) and tonumber(retried)) or #count + #ttl + #retried > 24 then count = nil end
  end
end
if count and tonumber(retried) > positionSeq then count = nil end
if count then
  for at = FIRST, #ARGV, 4 do
    if ARGV[at] ~= '' then count = nil end
  end
end
if count then
  local log = redis.pcall('XREVRANGE', KEYS[2], '+', '-', 'COUNT', '1')
  local newest = not log.err and log[1]
  if newest and newest[1] == count .. '-0' and newest[2][1] == 'i' then
    newestId = newest[2][2]
    local idThere = newestId
    if count ~= ARGV[2] then
      -- The caller has not heard yet of what others have appended.
      local there = positionSeq > 0 and call('XRANGE', KEYS[2], ARGV[2] .. '-0', ARGV[2] .. '-0')[1]
      idThere = there and there[2][2] or positionId
    end
    if idThere ~= positionId or positionSeq > tonumber(count) then count = nil end
  else
    count = nil
  end
end

if count then
  count = tonumber(count)
else
-- @include session.lua
-- @include quarantine.lua
-- @include append-checks.lua
end

local stop = #ARGV - 3
local reply = { 'stored', epoch, ttl, created, '0' }
local parts = { 'm ' .. epoch .. ' ' .. format('%d', count + 1) .. ' ' .. newestId }
local isTrimmed = true
for at = FIRST, stop, 4 do
  local id, senderKey = ARGV[at + 1], ARGV[at + 2]
  local name = senderKey ~= '' and senderKey .. ' ' .. id
  local earlier = name and seen[name]
  if earlier then
    reply[#reply + 1] = '-' .. earlier
  else
    count = count + 1
    local seq = format('%d', count)
    local body = ARGV[at + 3] .. ms .. '}'
    isTrimmed = at == stop
    if isTrimmed then
      call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[5], seq .. '-0', 'i', id, 'k', senderKey, 'b', body)
    else
      call('XADD', KEYS[2], seq .. '-0', 'i', id, 'k', senderKey, 'b', body)
    end
    if name then seen[name] = seq end
    if ARGV[at] ~= '' then retried = seq end
    parts[#parts + 1] = senderKey
    parts[#parts + 1] = '{"type":"message","seq":' .. seq .. ',"id":"' .. id .. '",' .. body
    reply[#reply + 1] = seq
  end
end
if not isTrimmed then call('XTRIM', KEYS[2], 'MAXLEN', '=', ARGV[5]) end

local deadline = format('%d', tonumber(ms) + tonumber(ttl) * 1000)
call(
  'SET', KEYS[1],
  '{"data":{"count":' .. format('%d', count) .. ',"last_activity":' .. seconds .. rest .. '"retried":' .. retried .. '}',
  'PXAT', deadline
)
call('PEXPIREAT', KEYS[2], deadline)
if #parts > 1 then reply[5] = call(ARGV[8], ARGV[7], table.concat(parts, '\n')) end
local answer = table.concat(reply, ' ')
return fault and answer .. '\n' .. fault or answer
