-- Writes entries of one namespace as one new version; leaves out those whose time is over.
-- KEYS as in changes.lua  then per entry: key, value, expiry in ms since the epoch or 0
-- Returns {written, expired}.
local now = redis.call('TIME')
local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
local written, expired, version, header = 0, 0, nil, nil
for at = 1, #ARGV, 3 do
  local key, expiresAt = ARGV[at], tonumber(ARGV[at + 2])
  if expiresAt > 0 and expiresAt <= nowMs then
    expired = expired + 1
  else
    if not version then
      version = redis.call('INCR', VERSION)
      header = struct.pack('<I8', version)
    end
    if expiresAt > 0 then
      redis.call('SET', ROWS .. key, header .. ARGV[at + 1], 'PXAT', ARGV[at + 2])
      redis.call('ZADD', EXPIRIES, ARGV[at + 2], key)
    else
      redis.call('SET', ROWS .. key, header .. ARGV[at + 1])
      redis.call('ZREM', EXPIRIES, key)
    end
    redis.call('ZADD', INDEX, 0, key)
    keep(version, written, 'p', key, ARGV[at + 1])
    written = written + 1
  end
end
if written > 0 then finish() end
return {written, expired}
