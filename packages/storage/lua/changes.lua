-- Put before every script on a namespace: keeps the changes of a namespace that is watched.
-- KEYS[4] changes (stream; ids are version-index; fields: kind p(ut), d(elete) or (e)x(pire), key, value)
-- KEYS[5] the watch (hash: from, the version after which all changes are kept; bytes, of keys and values)
-- KEYS[6] never exists: while the slot moves to another node of a cluster, key by key, a script with it is refused
-- (TRYAGAIN) by both nodes, so that none sees a part of the namespace
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

-- Stores a row for ttl milliseconds, 0 for ever.
local function store(prefix, key, row, ttl)
  if ttl > 0 then
    redis.call('SET', prefix .. key, row, 'PX', ttl)
    local now = redis.call('TIME')
    redis.call('ZADD', KEYS[3], now[1] * 1000 + math.floor(now[2] / 1000) + ttl, key)
  else
    redis.call('SET', prefix .. key, row)
    redis.call('ZREM', KEYS[3], key)
  end
  redis.call('ZADD', KEYS[1], 0, key)
end

-- Removes a row; says whether it was there, and whether it was when nobody dropped it since it expired.
local function remove(prefix, key)
  redis.call('ZREM', KEYS[3], key)
  local indexed = redis.call('ZREM', KEYS[1], key) == 1
  local there = redis.call('DEL', prefix .. key) == 1
  return there, indexed and not there
end

-- Drops the index entries of rows that have expired, at most 1,000; each is a change.
local function expire(prefix)
  local now = redis.call('TIME')
  local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', nowMs, 'LIMIT', 0, 1000)
  local expired = 0
  for _, key in ipairs(due) do
    local left = redis.call('PTTL', prefix .. key)
    if left >= 0 then
      -- The time that a script's keys expire by stands still while it runs, and may be behind.
      redis.call('ZADD', KEYS[3], nowMs + left + 1, key)
    else
      redis.call('ZREM', KEYS[3], key)
      if left == -2 and redis.call('ZREM', KEYS[1], key) == 1 then
        keep(redis.call('INCR', KEYS[2]), 0, 'x', key, '')
        expired = expired + 1
      end
    end
  end
  return expired
end

