-- Deletes a key; returns 1 when it was there.
-- KEYS and ARGV[1..3] as in put.lua  ARGV[4] key
local there, expired = remove(ARGV[1], ARGV[4])
if not there and not expired then return 0 end
keep(redis.call('INCR', KEYS[2]), 0, there and 'd' or 'x', ARGV[4], '')
finish(ARGV[2], ARGV[3])
return there and 1 or 0
