-- Included by append-2.lua: looks at a session in full, refuses or prepares the append, and finds what it repeats.

local function look()
  local microseconds = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local found = readJson(KEYS[1])
  local session = found and parseSession(found) or nil
  local newestSeq, id = newestOf(KEYS[2])
  local newTtl = tonumber(ARGV[4])
  local ended = nil
  fault = faultOf(found, session, newestSeq)
  if fault == 'log without session' and positionEpoch ~= '' then fault = nil end
  if fault then
    ended = { epoch = endingEpoch(found, session), ttl = session and session.ttl or newTtl }
    if ended.epoch == '' then ended.epoch = positionEpoch end
    session, created = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[6])), '1'
    newestSeq, id = 0, ''
  elseif not found then
    if positionEpoch ~= '' then
      local how = endOf(ARGV[9], positionEpoch)
      return how == '' and 'gone' or 'gone ' .. how
    end
    session, created = newSession(seconds, newTtl, newEpoch(microseconds, ARGV[6])), '1'
  elseif positionEpoch ~= '' then
    if positionEpoch ~= session.epoch then return 'epoch' end
    if positionSeq > session.count then return 'behind' end
    if positionSeq > 0 then
      local idThere = id
      if positionSeq < newestSeq then
        local entry = redis.call('XRANGE', KEYS[2], positionSeq .. '-0', positionSeq .. '-0')[1]
        idThere = entry and entry[2][2] or positionId
      elseif newestSeq == 0 then
        idThere = positionId
      end
      if idThere ~= positionId then return 'forked' end
    end
  end

  -- Where to look for duplicates: nowhere, or from the lowest number any message asks for. First sends are looked for
  -- only when a retry was stored that their gateway had not heard of when it formed this batch.
  local lookFrom, anchors = nil, {}
  if newestSeq > 0 then
    if session.retried > positionSeq then lookFrom = positionSeq end
    for at = FIRST, #ARGV, 4 do
      if ARGV[at] ~= '' then
        local retryEpoch, seq, anchorId = string.match(ARGV[at], '^(%S*) (%d+) (%S*)$')
        seq = tonumber(seq)
        if retryEpoch ~= session.epoch or seq > session.count then seq = 0 end
        if seq > 0 then anchors[#anchors + 1] = { entry = seq .. '-0', id = anchorId } end
        if not lookFrom or seq < lookFrom then lookFrom = seq end
      end
    end
  end
  local idOfEntry = {}
  local function lookThrough(start)
    for _, entry in ipairs(redis.call('XRANGE', KEYS[2], start, '+')) do
      local fields = entry[2]
      idOfEntry[entry[1]] = fields[2]
      if fields[4] ~= '' then seen[fields[4] .. ' ' .. fields[2]] = string.match(entry[1], '^%d+') end
    end
  end
  if lookFrom then
    lookThrough(lookFrom .. '-0')
    for _, anchor in ipairs(anchors) do
      if lookFrom > 0 and idOfEntry[anchor.entry] ~= anchor.id then
        lookThrough('-')
        break
      end
    end
  end
  -- A stream that others have emptied may still refuse the next number.
  local emptied = newestSeq == 0 and not fault and redis.call('EXISTS', KEYS[2]) == 1

  -- From here on it writes.
  if fault then quarantine(KEYS[1], KEYS[2], ARGV[10], ARGV[9], ended.epoch, ended.ttl, ms) end
  if emptied then redis.call('DEL', KEYS[2]) end
  count, newestId, epoch = session.count, id, session.epoch
  ttl, retried = format('%d', session.ttl), format('%d', session.retried)
  rest = restOf(session)
  return nil
end

local refusal = look()
if refusal then return refusal end
