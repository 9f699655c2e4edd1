-- Deletes a key; returns 1 when it was there.
-- KEYS and ARGV[1..3] as in put.lua  ARGV[4] key
redis.call('ZREM', KEYS[1], ARGV[4])
if redis.call('DEL', ARGV[1] .. ARGV[4]) == 0 then return 0 end
keep(redis.call('INCR', KEYS[2]), 0, 'd', ARGV[4], '')
finish(ARGV[2], ARGV[3])
return 1
