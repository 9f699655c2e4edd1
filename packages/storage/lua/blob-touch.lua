-- The bytes of a blob were put again.
-- ARGV[1] hash  ARGV[2] a tag, or ''
-- Returns 1, 0 when there is no such blob, or 'full' when there are too many tags.
if redis.call('EXISTS', recordKey(ARGV[1])) == 0 then return 0 end
if not hasRoom(ARGV[1], ARGV[2]) then return 'full' end
refer(ARGV[1], ARGV[2])
redis.call('HSET', recordKey(ARGV[1]), 'p', now())
return 1
