--[[
Counts one more of something that is limited. The first count begins a window, and the key ends with it.

KEYS[1] the counter
ARGV    length of a window in milliseconds

Returns the count in this window, and the milliseconds until it ends.

Rules: M1. It needs no command that the scripts of sessions do not need (D7).
]]
local left = redis.call('PTTL', KEYS[1])
local count = left > 0 and tonumber(redis.call('GET', KEYS[1])) or 0
if count == 0 then left = tonumber(ARGV[1]) end
redis.call('SET', KEYS[1], count + 1, 'PX', left)
return { count + 1, left }
