-- Keeps the namespace's changes for some time more; returns its version.
-- KEYS as in put.lua and changes.lua  ARGV[1] milliseconds
local version = redis.call('GET', KEYS[2]) or '0'
if not watched then
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[5], 'from', version, 'bytes', 0)
end
redis.call('PEXPIRE', KEYS[5], ARGV[1])
-- The changes outlive the watch that vouches for them, also when nothing is written.
redis.call('PEXPIRE', KEYS[4], STREAM_MS)
return tonumber(version)
