-- Reads and writes the two keys of a session.
-- @import renderSession from session-json.lua
-- @import sizeKeyOf from log-size.lua

-- Runs a reading command. Returns nil when the key holds another type. Raises every other error: a fault of Redis, or a
-- missing permission, tells nothing about the stored data.
local function readTyped(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, '^WRONGTYPE') then return nil end
  return redis.call(...)
end

-- The session's JSON: false when there is none, '' when the key holds something other than a string.
local function readJson(sessionKey)
  local json = readTyped('GET', sessionKey)
  return json == nil and '' or json
end

-- When the session expires, Unix ms. A session that has lost its expiry (W1) gets one ttl from now.
local function deadlineOf(sessionKey, session, ms)
  local left = redis.call('PTTL', sessionKey)
  return ms + (left >= 0 and left or session.ttl * 1000)
end

-- Lets session and log expire at the same moment (K5).
local function expireTogether(sessionKey, logKey, deadline)
  redis.call('PEXPIREAT', sessionKey, deadline)
  redis.call('PEXPIREAT', logKey, deadline)
end

-- Writes the session and lets it expire with its log (K5), and with the note of the log's size, which is there only when
-- the session tells nothing of the log. An error is left alone, because the note's key may be elsewhere while the slot
-- is on the move (A7), and a note that is gone is made anew.
local function saveUntil(sessionKey, logKey, session, deadline)
  redis.call('SET', sessionKey, renderSession(session), 'PXAT', deadline)
  redis.call('PEXPIREAT', logKey, deadline)
  if session.log == '' and session.count > 0 then redis.pcall('PEXPIREAT', sizeKeyOf(logKey), deadline) end
end

-- Writes the session and refreshes the expiry of both keys with the session's own ttl (T1).
local function saveSession(sessionKey, logKey, session, ms)
  saveUntil(sessionKey, logKey, session, ms + session.ttl * 1000)
end
