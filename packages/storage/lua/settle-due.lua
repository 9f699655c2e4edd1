-- Says when a namespace is to be looked at next, unless something was announced since it was taken.
-- KEYS[1] as in announce-expiry.lua  ARGV[1] namespace  ARGV[2] the time that take-due.lua told
-- ARGV[3] when its next entry expires, or '-1' when none does  ARGV[4] milliseconds to keep one in which nothing expires
local taken = tonumber(ARGV[2])
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0') ~= taken then return 0 end
if ARGV[3] ~= '-1' then
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
elseif taken % 1 > 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  -- Not forgotten at once: a write that was announced may still be under way.
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[1], string.format('%.1f', now[1] * 1000 + math.floor(now[2] / 1000) + tonumber(ARGV[4]) + 0.5), ARGV[1])
end
return 1
