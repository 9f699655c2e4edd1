-- Stores a value under a prefix, the namespace's new version and the place 0; returns the version.
-- KEYS as in changes.lua  ARGV[1] prefix  ARGV[2] value  ARGV[3] milliseconds to live, 0 for ever
if FREES then
  local version = tonumber(redis.call('GET', VERSION) or '0') + 1
  local refused = refuseGrowth(growth(ARGV[1] .. appendSuffix(version, 0), ARGV[2]))
  if refused then return refused end
end
local version = redis.call('INCR', VERSION)
local key = ARGV[1] .. appendSuffix(version, 0)
store(key, struct.pack('<I8', version) .. ARGV[2], tonumber(ARGV[3]), false, true)
keep(version, 0, 'p', key, ARGV[2])
finish()
return version
