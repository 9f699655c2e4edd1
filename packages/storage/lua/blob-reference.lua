-- Adds a tag to a blob.
-- ARGV[1] hash  ARGV[2] tag
-- Returns 1, 0 when there is no such blob, or 'full' when there are too many tags.
if redis.call('EXISTS', recordKey(ARGV[1])) == 0 then return 0 end
if not hasRoom(ARGV[1], ARGV[2]) then return 'full' end
refer(ARGV[1], ARGV[2])
return 1
