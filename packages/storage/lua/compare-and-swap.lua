-- Swaps a value when the stored one is the expected one.
-- KEYS as in changes.lua  ARGV[1] key
-- ARGV[2] two digits: '1' when a value is expected, '0' for absence; then '1' to store a value, '0' to delete
-- ARGV[3] the expected value  ARGV[4] the next value  ARGV[5] milliseconds to live, 0 for ever
-- Returns {1, version}, or {0} when absent, or {0, actual row}.
local row = redis.call('GET', ROWS .. ARGV[1])
local expected = string.sub(ARGV[2], 1, 1) == '1'
local equal
if row then
  equal = expected and string.sub(row, 9) == ARGV[3]
else
  equal = not expected
end
if not equal then
  if row then return {0, row} end
  return {0}
end
if FREES then
  local refused = refuseGrowth(growth(ARGV[1], string.sub(ARGV[2], 2) == '1' and ARGV[4] or nil))
  if refused then return refused end
end
local version = redis.call('INCR', VERSION)
if string.sub(ARGV[2], 2) == '1' then
  store(ARGV[1], struct.pack('<I8', version) .. ARGV[4], tonumber(ARGV[5]), expected)
  keep(version, 0, 'p', ARGV[1], ARGV[4])
else
  remove(ARGV[1])
  keep(version, 0, 'd', ARGV[1], '')
end
finish()
return {1, version}
