-- Keeps an upload from being given up.
-- ARGV[1] upload  ARGV[2] parts that it may have written from now on  ARGV[3] the hash it will be, or ''
-- ARGV[4] milliseconds  ARGV[5] '1' to begin it
-- Returns 1, or 0 when it was given up.
local reserved, hash = tonumber(ARGV[2]), ARGV[3] == '' and '-' or ARGV[3]
if ARGV[5] ~= '1' then
  local known = redis.call('HGET', KEYS[4], ARGV[1])
  if not known then return 0 end
  local before, dead, old = string.match(known, '^(%d+) (%d) (%S+)$')
  if dead ~= '0' then return 0 end
  -- A late copy of an earlier call takes nothing back.
  reserved = math.max(reserved, tonumber(before))
  if hash == '-' then hash = old end
end
redis.call('HSET', KEYS[4], ARGV[1], string.format('%d 0 %s', reserved, hash))
redis.call('ZADD', KEYS[3], now() + tonumber(ARGV[4]), ARGV[1])
return 1
