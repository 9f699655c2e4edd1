-- Removes a tag; returns 1 when it was there.
-- ARGV[1] hash  ARGV[2] tag
return redis.call('SREM', tagsKey(ARGV[1]), ARGV[2])
