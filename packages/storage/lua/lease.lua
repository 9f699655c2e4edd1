-- Keeps the namespace's changes for some time more.
-- KEYS as in changes.lua  ARGV[1] milliseconds  ARGV[2] channel to tell changes on
-- Returns {version, mark of the watch, mark of the version's last change or ''}.
local version = redis.call('GET', VERSION) or '0'
if not watched then
  redis.call('DEL', CHANGES)
  redis.call('HSET', WATCH, 'from', version, 'bytes', 0, 'mark', mark(), 'channel', ARGV[2])
end
redis.call('PEXPIRE', WATCH, ARGV[1])
-- The changes outlive the watch that vouches for them, also when nothing is written.
redis.call('PEXPIRE', CHANGES, STREAM_MS)
local last = redis.call('XREVRANGE', CHANGES, version, version, 'COUNT', 1)[1]
return {tonumber(version), redis.call('HGET', WATCH, 'mark'), last and last[2][8] or ''}
