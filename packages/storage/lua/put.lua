-- Stores a value and returns the namespace's new version.
-- KEYS[1] index (sorted set)  KEYS[2] version counter  KEYS[3] expiries (sorted set)  KEYS[4..6] as in changes.lua
-- ARGV[1] prefix of row keys  ARGV[2] channel  ARGV[3] namespace
-- ARGV[4] key  ARGV[5] value  ARGV[6] milliseconds to live, 0 for ever
local version = redis.call('INCR', KEYS[2])
store(ARGV[1], ARGV[4], struct.pack('<I8', version) .. ARGV[5], tonumber(ARGV[6]))
keep(version, 0, 'p', ARGV[4], ARGV[5])
finish(ARGV[2], ARGV[3])
return version
