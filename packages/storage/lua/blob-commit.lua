-- Makes an upload the blob of a hash, unless there is another that is not known to be damaged.
-- ARGV[1] hash  ARGV[2] upload  ARGV[3] a damaged upload to replace, or ''  ARGV[4] a tag, or ''
-- ARGV[5] size  ARGV[6] bytes of a chunk  ARGV[7] hashes of a page  ARGV[8] parts  ARGV[9] hashes of the pages
-- Returns the upload that is the blob now; 'fenced' when this one was given up; 'full' when there are too many tags.
local hash, upload = ARGV[1], ARGV[2]
if redis.call('EXISTS', fenceKey(upload)) == 1 then return 'fenced' end
if not hasRoom(hash, ARGV[4]) then return 'full' end
refer(hash, ARGV[4])
local found = redis.call('HMGET', recordKey(hash), 'u', 'n')
if found[1] and found[1] ~= ARGV[3] then
  redis.call('HSET', recordKey(hash), 'p', now())
  return found[1]
end
if found[1] then bury(found[1], found[2] or '0') end
redis.call('HSET', recordKey(hash), 'u', upload, 's', ARGV[5], 'k', ARGV[6], 'h', ARGV[7], 'n', ARGV[8], 'm', ARGV[9],
  'c', now(), 'p', now())
redis.call('ZADD', KEYS[1], 0, hash)
return upload
