--[[
The JSON of a session (K1). No other Lua code reads or writes it; session-json.ts is the same for TypeScript.

  {"data":{"count":N,"last_activity":T[,"disconnected_at":D][,CUSTOM FIELDS]},
   "created_at":C,"ttl":TTL,"epoch":"E","retried":R[,"kept":K,"newest":"ID"]}

Times are seconds with a fraction, `ttl` is whole seconds. `retried` is the number of the newest message that was stored
from a retried send (A4). `kept` and `newest`, the number of entries in the log and the id of the newest one, are there
when an append was the last to write the session, and the log has no large entry (log-size.lua): the next append reads
them instead of the log.

Only the fixed fields at both ends are matched and replaced. Custom fields are never decoded (A1): cjson turns [] into
{}, shortens numbers, and refuses lone surrogates and deep nesting.
]]

-- Longest count, ttl and retried, in digits. Lua writes longer numbers with an exponent.
local MAX_DIGITS = 14

-- Reads the JSON into a table, or returns nil when the JSON has another form.
--   count, ttl, retried     numbers
--   lastActivity, createdAt  text, as they stand in the JSON
--   epoch                    text
--   middle                   text between `last_activity` and the brace that closes `data`: '' or ',"name":value…'
--   log                      text behind `retried`: '' or ',"kept":…,"newest":…'
local function parseSession(json)
  local _, headEnd, count, lastActivity = string.find(json, '^{"data":{"count":(%d+),"last_activity":(%d+%.?%d*)')
  if not headEnd then return nil end
  local window = string.sub(json, -320)
  local tailStart, _, createdAt, ttl, epoch, retried, log =
    string.find(window, '},"created_at":(%d+%.?%d*),"ttl":(%d+),"epoch":"([%w._~-]+)","retried":(%d+)([^{}]*)}$')
  if not tailStart or (log ~= '' and not string.find(log, '^,"kept":%d+,"newest":"[%w._~-]*"$')) then return nil end
  if math.max(#count, #ttl, #retried) > MAX_DIGITS then return nil end
  local middleEnd = #json - #window + tailStart - 1
  if middleEnd < headEnd then return nil end
  return {
    count = tonumber(count),
    lastActivity = lastActivity,
    middle = string.sub(json, headEnd + 1, middleEnd),
    createdAt = createdAt,
    ttl = tonumber(ttl),
    epoch = epoch,
    retried = tonumber(retried),
    log = log,
  }
end

-- Whether a text that parseSession cannot read was a session once: it begins like one.
local function wasSession(json)
  return string.sub(json, 1, 17) == '{"data":{"count":'
end

-- The text between `last_activity` and `"retried":`.
local function unchangedFields(session)
  return session.middle .. '},"created_at":' .. session.createdAt .. ',"ttl":' .. session.ttl
    .. ',"epoch":"' .. session.epoch .. '",'
end

-- Writes a table of parseSession or newSession as JSON.
local function renderSession(session)
  return '{"data":{"count":' .. session.count .. ',"last_activity":' .. session.lastActivity .. unchangedFields(session)
    .. '"retried":' .. session.retried .. session.log .. '}'
end

-- Reads the JSON as far as an append needs it, at a fraction of what parseSession costs. It works from both ends, where
-- custom fields cannot be.
--   epoch  the epoch that the caller expects
-- Returns count (number), ttl (text), retried (number), kept (number), newest id, and the text from behind
-- `last_activity` up to and including the value of `retried`. Returns nil when the session has another epoch or form,
-- or when an append was not the last to write it.
local function readForAppend(json, epoch)
  local find, sub = string.find, string.sub
  if find(json, '{"data":{"count":', 1, true) ~= 1 then return nil end
  -- Behind the epoch follow two numbers and an id: at most 120 bytes.
  local ending = ',"epoch":"' .. epoch .. '","retried":'
  local epochAt, epochEnd = find(json, ending, -#ending - 120, true)
  if not epochAt then return nil end
  local retried, kept, newestId = string.match(json, '^(%d+),"kept":(%d+),"newest":"([%w._~-]+)"}$', epochEnd + 1)
  local _, ttlEnd = find(json, ',"ttl":', epochAt - 22, true)
  if not retried or not ttlEnd or ttlEnd > epochAt then return nil end
  local countEnd = find(json, ',', 18, true)
  -- `,"last_activity":` has 17 bytes, and seconds with three digits of fraction have 14 until the year 2286.
  local restAt = countEnd + 31
  local after = string.byte(json, restAt)
  -- A comma or the brace that closes `data`.
  if sub(json, countEnd, restAt - 15) ~= ',"last_activity":' or (after ~= 44 and after ~= 125) then return nil end
  local ttl = sub(json, ttlEnd + 1, epochAt - 1)
  if not tonumber(ttl) then return nil end
  return tonumber(sub(json, 18, countEnd - 1)), ttl, tonumber(retried), tonumber(kept), newestId,
    sub(json, restAt, epochEnd + #retried)
end

-- What readForAppend returns last, for a session of parseSession or newSession and a new `retried`.
local function restForAppend(session, retried)
  return unchangedFields(session) .. '"retried":' .. retried
end

-- Writes the JSON after an append. Every argument is text; `rest` is what readForAppend and restForAppend return.
-- Without `kept` the JSON tells nothing of the log.
local function renderAppended(count, lastActivity, rest, kept, newestId)
  if not kept then return '{"data":{"count":' .. count .. ',"last_activity":' .. lastActivity .. rest .. '}' end
  return '{"data":{"count":' .. count .. ',"last_activity":' .. lastActivity .. rest .. ',"kept":' .. kept
    .. ',"newest":"' .. newestId .. '"}'
end

-- Says that the log is no longer as the last append left it: the next append reads the log itself.
local function forgetLog(session)
  session.log = ''
end

-- The custom fields of a session, '' or ',"name":value…': its middle without `disconnected_at`, which stands first.
local function customOf(session)
  return (string.gsub(session.middle, '^,"disconnected_at":[%d%.]+', ''))
end

-- Replaces `disconnected_at` and the custom fields.
--   disconnectedAt  seconds as text, or nil while the session has members
local function setData(session, disconnectedAt, custom)
  session.middle = (disconnectedAt and ',"disconnected_at":' .. disconnectedAt or '') .. custom
end

-- Replaces the custom fields and leaves `disconnected_at`.
local function replaceCustom(session, custom)
  session.middle = string.sub(session.middle, 1, #session.middle - #customOf(session)) .. custom
end

-- Where the JSON string that begins at `quoteAt` has its closing quote; nil when it has none.
local function closingQuote(text, quoteAt)
  local at = quoteAt + 1
  while true do
    at = string.find(text, '["\\]', at)
    if not at or string.byte(text, at) == 34 then return at end
    at = at + 2
  end
end

-- A field's name without quotes and escapes. A name that cjson refuses, for a lone surrogate, stays as it stands: every
-- writer escapes those in the same way.
local function fieldName(quoted)
  if not string.find(quoted, '\\', 1, true) then return string.sub(quoted, 2, -2) end
  local isRead, value = pcall(cjson.decode, '[' .. quoted .. ']')
  return isRead and value[1] or string.sub(quoted, 2, -2)
end

-- One field `"name":value` as {name, text}; nil when it does not begin like one.
local function readField(text)
  local _, quoteAt = string.find(text, '^%s*"')
  local quoteEnd = quoteAt and closingQuote(text, quoteAt)
  if not quoteEnd or not string.find(text, '^%s*:', quoteEnd + 1) then return nil end
  return { fieldName(string.sub(text, quoteAt, quoteEnd)), text }
end

-- The fields of what customOf returns, in their order, as {name, text}. Only their borders are looked for; nil when
-- these cannot be found. Values are not decoded (A1).
local function splitCustom(custom)
  local found, start, depth, at = {}, 2, 0, 2
  while custom ~= '' do
    local token = string.find(custom, '["%[%]{},]', at)
    local byte = token and string.byte(custom, token)
    at = (token or 0) + 1
    if byte == 34 then
      local quoteEnd = closingQuote(custom, token)
      if not quoteEnd then return nil end
      at = quoteEnd + 1
    elseif byte == 91 or byte == 123 then
      depth = depth + 1
    elseif byte == 93 or byte == 125 then
      depth = depth - 1
    elseif not token or depth == 0 then
      local field = depth == 0 and readField(string.sub(custom, start, (token or 0) - 1))
      if not field then return nil end
      found[#found + 1] = field
      if not token then break end
      start = at
    end
  end
  return found
end

-- Puts fields into custom fields, both as customOf returns them: those of a name that is there already are replaced, and
-- all others stay byte for byte. Returns nil when the fields cannot be told apart.
local function mergeCustom(custom, added)
  local old, new = splitCustom(custom), splitCustom(added)
  if not old or not new then return nil end
  local replaced, kept = {}, {}
  for _, field in ipairs(new) do replaced[field[1]] = true end
  for _, field in ipairs(old) do
    if not replaced[field[1]] then kept[#kept + 1] = ',' .. field[2] end
  end
  return table.concat(kept) .. added
end

-- The epoch of a session that is about to end; `session` is nil when its JSON could not be parsed. Then the epoch is
-- looked for in whatever `json` holds. Returns '' when there is none.
local function endingEpoch(json, session)
  if session then return session.epoch end
  return json and string.match(json, '^.*"epoch":"([%w._~-]+)"') or ''
end

-- A session without messages. `seconds` is the time as text.
local function newSession(seconds, ttl, epoch)
  return {
    count = 0, lastActivity = seconds, middle = '', createdAt = seconds, ttl = ttl, epoch = epoch,
    retried = 0, log = '',
  }
end

-- A session that is put back (G2). `lastActivity` and `createdAt` are seconds as text, `custom` is as customOf returns
-- it.
local function restoredSession(count, lastActivity, createdAt, ttl, epoch, retried, custom)
  return {
    count = count, lastActivity = lastActivity, middle = custom, createdAt = createdAt, ttl = ttl, epoch = epoch,
    retried = retried, log = '',
  }
end
