--[[
Looks whether a session and its log expire as they should (K5, T1, W1), and sets an expiry that is missing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'repair', or 'inspect': writes nothing
ARGV[2] ms that two expiries may differ, because clocks and replicas round

Returns nil when there is no session, or nothing is wrong with it; otherwise
{fault, repairable 0|1, session's remaining ms, log's remaining ms, ttl in s}, where remaining is -1 without an expiry
and -2 without a key, and ttl is 0 where the session does not tell a usable one. One fault each, the first of:
  session_without_expiry   repair: both keys expire together, one ttl from now
  log_without_expiry       repair: the log expires with its session
  expiry_beyond_ttl        never repaired: which of the two numbers is meant cannot be known
  expiring_apart           never repaired: shortening loses messages, lengthening keeps what should be gone
With 'repair', a fault that is repairable has been repaired when this returns.
]]
local MAX_TTL = 2 ^ 31

local remaining = redis.call('PTTL', KEYS[1])
if remaining == -2 then return nil end
local logRemaining = redis.call('PTTL', KEYS[2])

-- A session whose JSON the gateways wrote ends like this; of any other one the ttl is still worth knowing.
local function readTtl()
  local json = redis.pcall('GET', KEYS[1])
  if type(json) ~= 'string' then return 0 end
  local ttl = tonumber(string.match(json, '},"created_at":[%d%.]+,"ttl":(%d+),"epoch":"[^"]*","retried":%d+}$'))
  if not ttl then
    local read, value = pcall(cjson.decode, json)
    if not read or type(value) ~= 'table' or type(value.ttl) ~= 'number' then return 0 end
    ttl = value.ttl
  end
  if ttl < 1 or ttl > MAX_TTL or ttl ~= math.floor(ttl) then return 0 end
  return ttl
end

local ttl = readTtl()
local tolerance = tonumber(ARGV[2])
local fault, expireIn

if remaining == -1 then
  fault = 'session_without_expiry'
  if ttl > 0 then expireIn = ttl * 1000 end
elseif logRemaining == -1 then
  fault, expireIn = 'log_without_expiry', remaining
elseif ttl > 0 and remaining > ttl * 1000 + tolerance then
  fault = 'expiry_beyond_ttl'
elseif logRemaining >= 0 and math.abs(remaining - logRemaining) > tolerance then
  fault = 'expiring_apart'
else
  return nil
end

if expireIn and ARGV[1] == 'repair' then
  local time = redis.call('TIME')
  local deadline = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + expireIn
  redis.call('PEXPIREAT', KEYS[1], deadline)
  redis.call('PEXPIREAT', KEYS[2], deadline)
end
return { fault, expireIn and 1 or 0, remaining, logRemaining, ttl }
