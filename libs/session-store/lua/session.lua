-- Included by the scripts that read or write a session's JSON (K1):
--   {"data":{"count":N,"last_activity":T[,"disconnected_at":D][,custom...]},"created_at":C,"ttl":TTL,"epoch":"E","retried":R
--   [,"kept":K,"newest":"ID"]}
-- The last two tell how many entries the log has and its newest one's id, where an append wrote the session last: the
-- next append reads them instead of the log. Only the fixed parts at both ends are matched and replaced: custom data is
-- never decoded, because cjson turns [] into {} and shortens numbers (A1).

-- Lua writes numbers of more digits with an exponent.
local MAX_DIGITS = 14

-- Nothing when it is not what renderSession writes; session-json.ts reads the same.
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

-- The JSON from behind `last_activity` up to `retried`.
local function restOf(session)
  return session.middle .. '},"created_at":' .. session.createdAt .. ',"ttl":' .. session.ttl .. ',"epoch":"' .. session.epoch
    .. '",'
end

local function renderSession(session)
  return '{"data":{"count":' .. session.count .. ',"last_activity":' .. session.lastActivity .. restOf(session)
    .. '"retried":' .. session.retried .. session.log .. '}'
end

-- The middle without its `disconnected_at`, which always stands first.
local function customOf(session)
  return (string.gsub(session.middle, '^,"disconnected_at":[%d%.]+', ''))
end

-- The epoch of a session that ends; also of one whose JSON can be read no further, as far as it tells.
local function endingEpoch(json, session)
  if session then return session.epoch end
  return json and string.match(json, '^.*"epoch":"([%w._~-]+)"') or ''
end

-- Redis' own clock: milliseconds, seconds as the JSON writes them, and microseconds.
local function clockOf(time)
  local ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  return ms, string.format('%.3f', ms / 1000), tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function readClock()
  return clockOf(redis.call('TIME'))
end

-- Begins with the time in microseconds, which no two scripts share, so that epochs sort (G5); always after `previous`,
-- whatever a clock says.
local function newEpoch(microseconds, nonce, previous)
  local earliest = previous and tonumber(string.sub(previous, 1, 13), 16) or 0
  return string.format('%013x', math.max(microseconds, earliest + 1)) .. '-' .. nonce
end

local function newSession(seconds, ttl, epoch)
  return { count = 0, lastActivity = seconds, middle = '', createdAt = seconds, ttl = ttl, epoch = epoch, retried = 0, log = '' }
end

-- Runs a reading command; answers nil when the key holds another type. Raises every other error: a fault of Redis, or
-- a permission that is missing, says nothing about what is stored.
local function readTyped(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, '^WRONGTYPE') then return nil end
  return redis.call(...)
end

-- The session's JSON; false when there is none, '' when the key holds something that is not a string.
local function readJson(sessionKey)
  local json = readTyped('GET', sessionKey)
  return json == nil and '' or json
end

-- An entry of the log is one pair: the sender key, and what stands in the frame of V2 behind `"id":"`.
local function textOf(id, body)
  return id .. '",' .. body
end

-- Number, id, sender key and body of an entry; nothing when it is none of ours.
local function readEntry(entry)
  local id, body = string.match(entry[2][2], '^([%w._~-]*)",(.*)$')
  if not id or #entry[2] > 2 then return nil end
  return tonumber(string.match(entry[1], '^%d+')), id, entry[2][1], body
end

-- Number and id of a log's newest entry; 0 and '' when it is empty, -1 when the key holds no log.
local function newestOf(logKey)
  local reply = readTyped('XREVRANGE', logKey, '+', '-', 'COUNT', 1)
  if not reply then return -1, '' end
  if not reply[1] then return 0, '' end
  local seq, id = readEntry(reply[1])
  return seq or -1, id or ''
end

-- When the session expires, ms; one that has lost its expiry (W1) gets a whole ttl.
local function deadlineOf(sessionKey, session, ms)
  local left = redis.call('PTTL', sessionKey)
  return ms + (left >= 0 and left or session.ttl * 1000)
end

-- Writes the session and lets both keys expire together (K5).
local function saveUntil(sessionKey, logKey, session, deadline)
  redis.call('SET', sessionKey, renderSession(session), 'PXAT', deadline)
  redis.call('PEXPIREAT', logKey, deadline)
end

local function saveSession(sessionKey, logKey, session, ms)
  saveUntil(sessionKey, logKey, session, ms + session.ttl * 1000)
end

-- The frame of V2 of a log entry.
local function frameOf(seq, id, body)
  return '{"type":"message","seq":' .. seq .. ',"id":"' .. id .. '",' .. body
end

-- What an epoch was ended by, as the tombstone tells: 'deleted', 'quarantined', or '' when it tells of another epoch.
local function endOf(tombstoneKey, epoch)
  local tombstone = epoch ~= '' and redis.call('GET', tombstoneKey)
  if not tombstone then return '' end
  if string.sub(tombstone, 1, 12) == 'quarantined ' then
    return tombstone == 'quarantined ' .. epoch and 'quarantined' or ''
  end
  -- Epochs sort: what was deleted later took the place of this one, or has its history.
  return tombstone >= epoch and 'deleted' or ''
end
