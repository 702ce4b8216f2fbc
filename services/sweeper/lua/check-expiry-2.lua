--[[
Checks whether a session and its log expire as they should, and sets an expiry that is missing.

KEYS[1] session   KEYS[2] log
ARGV[1] 'repair', or 'inspect', which writes nothing
ARGV[2] ms that two expiries may differ, because clocks and replicas round

Returns nil when there is no session of ours, or nothing is wrong with it; otherwise
{fault, repairable 0|1, session's remaining ms, log's remaining ms, ttl in s}. Remaining is -1 without an expiry and -2
without a key; ttl is 0 when the session has no usable one. The fault is the first of:
  session_without_expiry   repair: both keys expire together, one ttl from now
  log_without_expiry       repair: the log expires with its session
  expiry_beyond_ttl        never repaired: which of the two numbers is meant cannot be known
  expiring_apart           never repaired: shortening loses messages, lengthening keeps data that should be gone
With 'repair', a repairable fault has been repaired when this returns.

Rules: W1; K5, K8, T1.
]]
-- @import parseSession, wasSession from session-json.lua
-- @import expireTogether, readJson from stored-session.lua
-- @import readClock from clock.lua

local MAX_TTL = 2 ^ 31

local remaining = redis.call('PTTL', KEYS[1])
if remaining == -2 then return nil end
local logRemaining = redis.call('PTTL', KEYS[2])

local json = readJson(KEYS[1])
local session = json and parseSession(json) or nil
-- Another program's key is none of our business, whatever it holds (K8).
if not session and not (json and wasSession(json)) then return nil end
local ttl = session and session.ttl or 0
if ttl < 1 or ttl > MAX_TTL then ttl = 0 end
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

if expireIn and ARGV[1] == 'repair' then expireTogether(KEYS[1], KEYS[2], readClock() + expireIn) end
return { fault, expireIn and 1 or 0, remaining, logRemaining, ttl }
