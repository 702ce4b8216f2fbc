-- Included by the scripts that may find a session they cannot read (A6).

-- Names what is wrong with a stored session, or nothing. `json` is false when there is no session.
local function faultOf(json, session, newestSeq)
  if newestSeq < 0 then return 'unreadable log' end
  if not json then return newestSeq > 0 and 'log without session' or nil end
  if not session then return 'unreadable session' end
  if newestSeq > 0 and newestSeq ~= session.count then return 'count disagrees with log' end
  return nil
end

-- Moves both keys aside for a day and leaves a tombstone for the epoch that ends here.
local function quarantine(sessionKey, logKey, prefix, tombstoneKey, epoch, ttl, ms)
  local day = 24 * 60 * 60 * 1000
  for name, key in pairs({ session = sessionKey, log = logKey }) do
    if redis.call('EXISTS', key) == 1 then
      local aside = prefix .. ms .. ':' .. name
      redis.call('RENAME', key, aside)
      redis.call('PEXPIRE', aside, day)
    end
  end
  if epoch ~= '' then redis.call('SET', tombstoneKey, 'quarantined ' .. epoch, 'PX', ttl * 1000) end
end
