-- Put before every other script: keeps the changes of a namespace that is watched.
-- KEYS[4] changes (stream; ids are version-index; fields: kind p(ut), d(elete) or (e)x(pire), key, value)
-- KEYS[5] the watch (hash: from, the version after which all changes are kept; bytes, of keys and values)
-- The watch expires when nobody renews it; without it nothing is kept.
local CHANGES_KEPT, BYTES_KEPT, STREAM_MS = 10000, 16777216, 1200000
local watched = redis.call('EXISTS', KEYS[5]) == 1

-- Keeps one change of a version; finish() must follow the last one of the script.
local function keep(version, index, kind, key, value)
  if not watched then return end
  redis.call('XADD', KEYS[4], string.format('%.0f-%d', version, index + 1), 't', kind, 'k', key, 'v', value)
  redis.call('HINCRBY', KEYS[5], 'bytes', #key + #value)
end

-- Drops the oldest versions, each of them whole, until the rest is within the bounds; tells those who wait.
-- channel: where to  namespace: what to tell
local function finish(channel, namespace)
  if not watched then return end
  while redis.call('XLEN', KEYS[4]) > CHANGES_KEPT or tonumber(redis.call('HGET', KEYS[5], 'bytes')) > BYTES_KEPT do
    local oldest = redis.call('XRANGE', KEYS[4], '-', '+', 'COUNT', 1)[1]
    if not oldest then
      redis.call('HSET', KEYS[5], 'bytes', 0)
      break
    end
    local version = string.match(oldest[1], '^(%d+)-')
    local bytes = 0
    for _, entry in ipairs(redis.call('XRANGE', KEYS[4], version, version)) do
      bytes = bytes + #entry[2][4] + #entry[2][6]
    end
    redis.call('XTRIM', KEYS[4], 'MINID', string.format('%.0f', tonumber(version) + 1))
    redis.call('HINCRBY', KEYS[5], 'bytes', -bytes)
    redis.call('HSET', KEYS[5], 'from', version)
  end
  redis.call('PEXPIRE', KEYS[4], STREAM_MS)
  redis.call('PUBLISH', channel, redis.call('GET', KEYS[2]) .. ' ' .. namespace)
end

-- Drops the index entries of rows that have expired, at most 1,000; each is a change.
local function expire(prefix)
  local now = redis.call('TIME')
  local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', nowMs, 'LIMIT', 0, 1000)
  local expired = 0
  for _, key in ipairs(due) do
    if redis.call('EXISTS', prefix .. key) == 0 and redis.call('ZREM', KEYS[1], key) == 1 then
      keep(redis.call('INCR', KEYS[2]), 0, 'x', key, '')
      expired = expired + 1
    end
    redis.call('ZREM', KEYS[3], key)
  end
  return expired
end

