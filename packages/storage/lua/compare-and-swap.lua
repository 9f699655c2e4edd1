-- Swaps a value when the stored one is the expected one.
-- KEYS and ARGV[1..3] as in put.lua  ARGV[4] key
-- ARGV[5] '1' when a value is expected, '0' for absence  ARGV[6] the expected value
-- ARGV[7] '1' to store a value, '0' to delete  ARGV[8] the next value
-- Returns {1, version}, or {0} when absent, or {0, actual row}.
local row = redis.call('GET', ARGV[1] .. ARGV[4])
local equal
if row then
  equal = ARGV[5] == '1' and string.sub(row, 9) == ARGV[6]
else
  equal = ARGV[5] == '0'
end
if not equal then
  if row then return {0, row} end
  return {0}
end
local version = redis.call('INCR', KEYS[2])
if ARGV[7] == '1' then
  store(ARGV[1], ARGV[4], struct.pack('<I8', version) .. ARGV[8], 0)
  keep(version, 0, 'p', ARGV[4], ARGV[8])
else
  remove(ARGV[1], ARGV[4])
  keep(version, 0, 'd', ARGV[4], '')
end
finish(ARGV[2], ARGV[3])
return {1, version}
