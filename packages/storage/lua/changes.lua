-- Put before every script on a namespace: names what there is of it, and keeps the changes of one that is watched.
-- KEYS[1] version counter of the namespace, "{prefix}:{tag}:v"; all else of it has the same beginning
-- KEYS[2] never exists: while the slot moves to another node of a cluster, key by key, a script with it is refused
-- (TRYAGAIN) by both nodes, so that none sees a part of the namespace
-- The watch expires when nobody renews it; without it nothing is kept.
local VERSION = KEYS[1]
local BASE = string.sub(VERSION, 1, -2)
-- Rows by key; the index, all keys (sorted set); when they expire, milliseconds (sorted set)
local ROWS, INDEX, EXPIRIES = BASE .. 'r:', BASE .. 'i', BASE .. 'e'
-- Changes (stream; ids are version-index; fields: kind p(ut), d(elete) or (e)x(pire), key, value, mark) and what is
-- known of them (hash: from, the version after which all are kept; bytes, of keys and values; mark; channel, where
-- they are told)
local CHANGES, WATCH = BASE .. 'c', BASE .. 'w'
local CHANGES_KEPT, BYTES_KEPT, STREAM_MS = 10000, 16777216, 1200000
local watched = redis.call('EXISTS', WATCH) == 1

-- What tells something written now from anything else that may take its place: the time in microseconds.
local function mark()
  local now = redis.call('TIME')
  return now[1] .. string.format('%06d', now[2])
end

-- Keeps one change of a version; finish() must follow the last one of the script.
local function keep(version, index, kind, key, value)
  if not watched then return end
  redis.call('XADD', CHANGES, string.format('%.0f-%d', version, index + 1), 't', kind, 'k', key, 'v', value, 'm', mark())
  redis.call('HINCRBY', WATCH, 'bytes', #key + #value)
end

-- Drops the oldest versions, each of them whole, until the rest is within the bounds; tells those who wait.
local function finish()
  if not watched then return end
  while redis.call('XLEN', CHANGES) > CHANGES_KEPT or tonumber(redis.call('HGET', WATCH, 'bytes')) > BYTES_KEPT do
    local oldest = redis.call('XRANGE', CHANGES, '-', '+', 'COUNT', 1)[1]
    if not oldest then
      redis.call('HSET', WATCH, 'bytes', 0)
      break
    end
    local version = string.match(oldest[1], '^(%d+)-')
    local bytes = 0
    for _, entry in ipairs(redis.call('XRANGE', CHANGES, version, version)) do
      bytes = bytes + #entry[2][4] + #entry[2][6]
    end
    redis.call('XTRIM', CHANGES, 'MINID', string.format('%.0f', tonumber(version) + 1))
    redis.call('HINCRBY', WATCH, 'bytes', -bytes)
    redis.call('HSET', WATCH, 'from', version)
  end
  redis.call('PEXPIRE', CHANGES, STREAM_MS)
  redis.call('PUBLISH', redis.call('HGET', WATCH, 'channel'), redis.call('GET', VERSION) .. ' ' .. VERSION)
end

-- A write that a full server refuses is tried again with FREES, and then goes through when it takes no more memory than
-- it frees, or at most ARGV[#ARGV] bytes more. ROW_BYTES: about what a row takes beside its key, in the index too, and
-- its value.
local ROW_BYTES = 200

-- Bytes that are taken more when a key has this value; nil for its deletion.
local function growth(key, value)
  local before = redis.call('STRLEN', ROWS .. key)
  local bytes = before > 0 and -(before - 8 + 2 * #key + ROW_BYTES) or 0
  return value and bytes + #value + 2 * #key + ROW_BYTES or bytes
end

local function refuseGrowth(bytes)
  if bytes <= tonumber(ARGV[#ARGV]) then return nil end
  return redis.error_reply("OOM the memory of Redis is full (its limit is 'maxmemory')")
end

-- What follows the prefix in the key of an append, as in append.ts. In two halves beyond 32 bits, as not every Lua
-- formats more.
local function appendSuffix(version, place)
  if version < 4294967296 then return string.format('%016x-%04d', version, place) end
  return string.format('%08x%08x-%04d', math.floor(version / 4294967296), version % 4294967296, place)
end

-- Stores a row for ttl milliseconds, 0 for ever. indexed: the key is known to be in the index  fresh: the key is known
-- to have no time to expire; should it have one all the same, expire() drops that
local function store(key, row, ttl, indexed, fresh)
  if ttl > 0 then
    redis.call('SET', ROWS .. key, row, 'PX', ttl)
    local now = redis.call('TIME')
    redis.call('ZADD', EXPIRIES, now[1] * 1000 + math.floor(now[2] / 1000) + ttl, key)
  else
    redis.call('SET', ROWS .. key, row)
    if not fresh then redis.call('ZREM', EXPIRIES, key) end
  end
  if not indexed then redis.call('ZADD', INDEX, 0, key) end
end

-- Removes a row; says whether it was there, and whether it was when nobody dropped it since it expired.
local function remove(key)
  redis.call('ZREM', EXPIRIES, key)
  local indexed = redis.call('ZREM', INDEX, key) == 1
  local there = redis.call('DEL', ROWS .. key) == 1
  return there, indexed and not there
end

-- Drops the index entries of rows that have expired, at most 1,000; each is a change.
local function expire()
  local now = redis.call('TIME')
  local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
  local due = redis.call('ZRANGEBYSCORE', EXPIRIES, '-inf', nowMs, 'LIMIT', 0, 1000)
  local expired = 0
  for _, key in ipairs(due) do
    local left = redis.call('PTTL', ROWS .. key)
    if left >= 0 then
      -- The time that a script's keys expire by stands still while it runs, and may be behind.
      redis.call('ZADD', EXPIRIES, nowMs + left + 1, key)
    else
      redis.call('ZREM', EXPIRIES, key)
      if left == -2 and redis.call('ZREM', INDEX, key) == 1 then
        keep(redis.call('INCR', VERSION), 0, 'x', key, '')
        expired = expired + 1
      end
    end
  end
  return expired
end

