-- Put before every script of blobs. Blobs whose hashes begin with the same byte lie in one slot, and so do uploads:
-- KEYS[1] index (sorted set of hashes, score 0)  KEYS[2] uploads whose parts are to be removed (hash: upload, parts)
-- KEYS[3] leases of uploads (sorted set, score: until, ms)  KEYS[4] uploads (hash: "reserved parts, dead 0/1, hash or -")
-- KEYS[5] prefix of the keys of one blob or upload: :r:{hash} record (hash: u upload, s size, k bytes of a chunk,
-- h hashes of a page, n parts, m hashes of the pages, c created, p last put), :t:{hash} tags (set),
-- :f:{upload} fence: this upload will never be a blob, or not again (string)
local MAX_REFERENCES, FENCE_MS = 10000, 86400000

local function recordKey(hash) return KEYS[5] .. ':r:' .. hash end
local function tagsKey(hash) return KEYS[5] .. ':t:' .. hash end
local function fenceKey(upload) return KEYS[5] .. ':f:' .. upload end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- True when the blob may have the tag; '' is none.
local function hasRoom(hash, tag)
  if tag == '' then return true end
  return redis.call('SCARD', tagsKey(hash)) < MAX_REFERENCES or redis.call('SISMEMBER', tagsKey(hash), tag) == 1
end

local function refer(hash, tag)
  if tag ~= '' then redis.call('SADD', tagsKey(hash), tag) end
end

-- An upload that is a blob is one no more, for ever: a late copy of its commit finds the fence.
local function bury(upload, parts)
  redis.call('SET', fenceKey(upload), '1', 'PX', FENCE_MS)
  redis.call('HSET', KEYS[2], upload, parts)
end

local function remove(hash)
  local found = redis.call('HMGET', recordKey(hash), 'u', 'n')
  if not found[1] then return nil end
  bury(found[1], found[2] or '0')
  redis.call('DEL', recordKey(hash), tagsKey(hash))
  redis.call('ZREM', KEYS[1], hash)
  return found
end

