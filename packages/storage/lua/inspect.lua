-- Looks at keys of a namespace, all of them at one moment, and mends what it is told to.
-- KEYS as in changes.lua
-- ARGV[1] '1' to mend  ARGV[2] '1' to remove rows that cannot be read  ARGV[3] how far a version is raised over a row's
-- then the keys; without any, the namespace itself is looked at
-- Returns {highest version of the rows, key, kind of finding, '1' when it was mended, …}.
local mend, remove, gap = ARGV[1] == '1', ARGV[2] == '1', tonumber(ARGV[3])
-- The clock of a script and that of an expiry may differ by as long as a script runs.
local SLACK_MS, MAX_VERSION = 5000, 9007199254740991
local out, highest = {0}, 0

local function tell(key, kind, mended)
  out[#out + 1] = key
  out[#out + 1] = kind
  out[#out + 1] = mended and '1' or '0'
end

local function typed(name, wanted)
  local kind = redis.call('TYPE', name).ok
  return kind == wanted or kind == 'none'
end

local usable = typed(INDEX, 'zset') and typed(EXPIRIES, 'zset')
local counter = nil
if typed(VERSION, 'string') then
  local text = redis.call('GET', VERSION) or '0'
  counter = string.match(text, '^%d+$') and #text <= 16 and tonumber(text) or nil
end

if #ARGV == 3 then
  if not usable then
    if mend then
      for _, name in ipairs({INDEX, EXPIRIES}) do
        if not typed(name, 'zset') then redis.call('DEL', name) end
      end
    end
    tell('', 'index-unusable', mend)
  end
  -- Mended when the highest version of a row is known.
  if not counter then tell('', 'version-undecodable', false) end
  return out
end
if not usable then return out end

local now = redis.call('TIME')
local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
local changed = false

-- Takes a key out of the index; watches are told.
local function drop(key)
  redis.call('ZREM', INDEX, key)
  redis.call('ZREM', EXPIRIES, key)
  if counter then
    counter = redis.call('INCR', VERSION)
    keep(counter, 0, 'd', key, '')
    changed = true
  end
end

for at = 4, #ARGV do
  local key = ARGV[at]
  local name = ROWS .. key
  local exists = redis.call('EXISTS', name) == 1
  local indexed = redis.call('ZSCORE', INDEX, key)
  local due = redis.call('ZSCORE', EXPIRIES, key)
  if not exists then
    -- What has expired stays in the index until the next sweep.
    local pending = due and tonumber(due) <= nowMs + SLACK_MS
    if indexed and not pending then
      if mend then drop(key) end
      tell(key, 'index-dangling', mend)
    elseif not indexed and due and not pending then
      if mend then redis.call('ZREM', EXPIRIES, key) end
      tell(key, 'expiry-stale', mend)
    end
  else
    local header = redis.pcall('GETRANGE', name, 0, 7)
    local version = nil
    if type(header) == 'string' and #header == 8 then
      version = struct.unpack('<I4', header) + struct.unpack('<I4', header, 5) * 4294967296
    end
    if not version or version > MAX_VERSION then
      if mend and remove then
        redis.call('DEL', name)
        if indexed then drop(key) end
      end
      tell(key, 'row-undecodable', mend and remove)
    else
      if version > highest then highest = version end
      if not indexed then
        if mend then redis.call('ZADD', INDEX, 0, key) end
        tell(key, 'index-missing', mend)
      end
      if counter and version > counter then
        if mend then
          counter = math.min(version + gap, MAX_VERSION - 1)
          redis.call('SET', VERSION, string.format('%.0f', counter))
          if watched then
            redis.call('DEL', CHANGES)
            redis.call('HSET', WATCH, 'from', string.format('%.0f', counter), 'bytes', 0)
            changed = true
          end
        end
        tell(key, 'version-low', mend)
      end
      local expiresAt = redis.call('PEXPIRETIME', name)
      if expiresAt > 0 and (not due or math.abs(tonumber(due) - expiresAt) > SLACK_MS) then
        if mend then redis.call('ZADD', EXPIRIES, string.format('%.0f', expiresAt), key) end
        tell(key, 'expiry-missing', mend)
      elseif expiresAt < 0 and due and tonumber(due) > nowMs then
        if mend then redis.call('ZREM', EXPIRIES, key) end
        tell(key, 'expiry-stale', mend)
      end
    end
  end
end
if changed then finish() end
out[1] = string.format('%.0f', highest)
return out
