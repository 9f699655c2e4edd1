-- Keeps the namespace's changes for some time more; returns its version.
-- KEYS as in changes.lua  ARGV[1] milliseconds  ARGV[2] channel to tell changes on
local version = redis.call('GET', VERSION) or '0'
if not watched then
  redis.call('DEL', CHANGES)
  redis.call('HSET', WATCH, 'from', version, 'bytes', 0, 'channel', ARGV[2])
end
redis.call('PEXPIRE', WATCH, ARGV[1])
-- The changes outlive the watch that vouches for them, also when nothing is written.
redis.call('PEXPIRE', CHANGES, STREAM_MS)
return tonumber(version)
