--[[
How an epoch ends before its expiry: deleted (G5), or put into quarantine because its data cannot be read (A6). A
tombstone tells both. It holds 'EPOCH' for a deleted epoch and 'quarantined EPOCH' for the other.
]]
-- @import wasSession from session-json.lua
-- @import dropIndex from name-index.lua

-- keys.ts builds the same names of keys.
local function tombstoneKeyOf(logKey)
  return string.sub(logKey, 1, -4) .. 'tombstone'
end

-- Leaves a tombstone for a deleted epoch.
local function rememberDeleted(logKey, epoch, keepMs)
  redis.call('SET', tombstoneKeyOf(logKey), epoch, 'PX', keepMs)
end

-- The epoch that the tombstone names, deleted or quarantined; '' without a tombstone.
local function endedEpoch(logKey)
  return (string.gsub(redis.call('GET', tombstoneKeyOf(logKey)) or '', '^quarantined ', ''))
end

-- The latest epoch that is known to have been before a new one: the epoch that the tombstone names, or `ending`, which
-- is the epoch that ends now, or ''. The new one sorts behind it whatever the clock says (G5).
local function epochBefore(logKey, ending)
  local ended = endedEpoch(logKey)
  return ending > ended and ending or ended
end

-- Whether exactly this epoch was deleted.
local function isDeleted(logKey, epoch)
  return redis.call('GET', tombstoneKeyOf(logKey)) == epoch
end

-- How an epoch has ended: 'deleted', 'quarantined', or '' when the tombstone does not tell.
local function endOf(logKey, epoch)
  local tombstone = epoch ~= '' and redis.call('GET', tombstoneKeyOf(logKey))
  if not tombstone then return '' end
  if string.sub(tombstone, 1, 12) == 'quarantined ' then
    return tombstone == 'quarantined ' .. epoch and 'quarantined' or ''
  end
  -- Epochs sort: a later deletion replaced this epoch, or includes its history.
  return tombstone >= epoch and 'deleted' or ''
end

-- Whether the key of the session belongs to another program (K8): what it holds was never a session, and no log stands
-- beside it. The arguments are those of faultOf.
local function isForeign(json, session, newestSeq)
  return json and not session and newestSeq <= 0 and not wasSession(json)
end

-- Names what is wrong with a stored session, or returns nil.
--   json       what readJson returned    session  what parseSession made of it, or nil
--   newestSeq  what newestOf returned
local function faultOf(json, session, newestSeq)
  if newestSeq < 0 then return 'unreadable log' end
  if not json then return newestSeq > 0 and 'log without session' or nil end
  if not session then return 'unreadable session' end
  if newestSeq > 0 and newestSeq ~= session.count then return 'count disagrees with log' end
  return nil
end

-- Moves both keys to `{session:ID}:quarantine:MS:NAME` for a day, where NAME is 'session' or 'log', and leaves a
-- tombstone for the epoch that ends by it.
--   epoch  '' leaves no tombstone    ttl  s that the tombstone is kept    ms  the time
local function quarantine(sessionKey, logKey, epoch, ttl, ms)
  local day = 24 * 60 * 60 * 1000
  dropIndex(logKey)
  for name, key in pairs({ session = sessionKey, log = logKey }) do
    if redis.call('EXISTS', key) == 1 then
      local aside = string.sub(logKey, 1, -4) .. 'quarantine:' .. ms .. ':' .. name
      redis.call('RENAME', key, aside)
      redis.call('PEXPIRE', aside, day)
    end
  end
  if epoch ~= '' then redis.call('SET', tombstoneKeyOf(logKey), 'quarantined ' .. epoch, 'PX', ttl * 1000) end
end
