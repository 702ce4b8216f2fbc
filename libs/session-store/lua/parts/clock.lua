-- Redis' own clock. No caller's clock decides anything.

-- The clock in four forms: ms, seconds as text with three digits of fraction, microseconds, and what TIME returned.
local function readClock()
  local time = redis.call('TIME')
  local ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  return ms, string.format('%.3f', ms / 1000), tonumber(time[1]) * 1000000 + tonumber(time[2]), time
end

-- Names an epoch. The name begins with the time in microseconds, which no two scripts share, so that epochs sort (G5).
--   nonce     random text of the caller
--   previous  an epoch that the new one must sort behind, whatever the clock says, or ''
local function newEpoch(microseconds, nonce, previous)
  local earliest = tonumber(string.sub(previous, 1, 13), 16) or 0
  return string.format('%013x', math.max(microseconds, earliest + 1)) .. '-' .. nonce
end
