-- Deletes a key; returns 1 when it was there.
-- KEYS as in changes.lua  ARGV[1] key
local there, expired = remove(ARGV[1])
if not there and not expired then return 0 end
keep(redis.call('INCR', VERSION), 0, there and 'd' or 'x', ARGV[1], '')
finish()
return there and 1 or 0
