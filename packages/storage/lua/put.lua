-- Stores a value and returns the namespace's new version.
-- KEYS as in changes.lua  ARGV[1] key  ARGV[2] value  ARGV[3] milliseconds to live, 0 for ever
if FREES then
  local refused = refuseGrowth(growth(ARGV[1], ARGV[2]))
  if refused then return refused end
end
local version = redis.call('INCR', VERSION)
store(ARGV[1], struct.pack('<I8', version) .. ARGV[2], tonumber(ARGV[3]))
keep(version, 0, 'p', ARGV[1], ARGV[2])
finish()
return version
