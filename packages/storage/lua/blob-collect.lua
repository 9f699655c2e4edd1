-- Removes those of a page of blobs that have no tag and were last put before the grace period.
-- ARGV[1] bound of ZRANGEBYLEX to begin at  ARGV[2] blobs to look at  ARGV[3] grace period, ms  ARGV[4] '1' to remove nothing
-- Returns {last hash looked at or '', size, upload, parts, size, upload, parts, …}.
local hashes = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local before = now() - tonumber(ARGV[3])
local out = {#hashes == tonumber(ARGV[2]) and hashes[#hashes] or ''}
for _, hash in ipairs(hashes) do
  local found = redis.call('HMGET', recordKey(hash), 's', 'u', 'n', 'p')
  if found[2] and tonumber(found[4] or '0') <= before and redis.call('SCARD', tagsKey(hash)) == 0 then
    if ARGV[4] ~= '1' then remove(hash) end
    for i = 1, 3 do out[#out + 1] = found[i] or '0' end
  end
end
return out
