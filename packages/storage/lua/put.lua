-- Stores a value and returns the namespace's new version.
-- KEYS[1] index (sorted set)  KEYS[2] version counter  KEYS[3] expiries (sorted set)  KEYS[4..5] as in changes.lua
-- ARGV[1] prefix of row keys  ARGV[2] channel  ARGV[3] namespace
-- ARGV[4] key  ARGV[5] value  ARGV[6] milliseconds to live, 0 for ever
local version = redis.call('INCR', KEYS[2])
local row = struct.pack('<I8', version) .. ARGV[5]
local ttl = tonumber(ARGV[6])
if ttl > 0 then
  redis.call('SET', ARGV[1] .. ARGV[4], row, 'PX', ARGV[6])
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[3], now[1] * 1000 + math.floor(now[2] / 1000) + ttl, ARGV[4])
else
  redis.call('SET', ARGV[1] .. ARGV[4], row)
end
redis.call('ZADD', KEYS[1], 0, ARGV[4])
keep(version, 0, 'p', ARGV[4], ARGV[5])
finish(ARGV[2], ARGV[3])
return version
