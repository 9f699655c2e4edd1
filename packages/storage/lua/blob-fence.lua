-- Makes sure that an upload never becomes a blob from now on; returns 1 when it is one already, and stays so.
-- ARGV[1] hash  ARGV[2] upload
if redis.call('HGET', recordKey(ARGV[1]), 'u') == ARGV[2] then return 1 end
redis.call('SET', fenceKey(ARGV[2]), '1', 'PX', FENCE_MS)
return 0
