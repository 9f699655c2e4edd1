-- Applies all operations when every check holds, none otherwise.
-- KEYS as in changes.lua  ARGV[1] number of checks  ARGV[2] number of operations
-- then per check: key, kind ('version', 'value', 'absent'), operand
-- then per operation: key or prefix, kind ('put', 'delete', 'append'), value, milliseconds to live or 0
-- Returns {1, version}, or {0, index of the first check that failed}.
local function keyOf(i, version, place)
  return ARGV[i + 1] == 'append' and ARGV[i] .. appendSuffix(version, place) or ARGV[i]
end
local checks, ops, at = tonumber(ARGV[1]), tonumber(ARGV[2]), 3
for i = 0, checks - 1 do
  local row = redis.call('GET', ROWS .. ARGV[at])
  local kind, operand, holds = ARGV[at + 1], ARGV[at + 2], false
  if kind == 'absent' then
    holds = not row
  elseif row and kind == 'version' then
    holds = struct.unpack('<I8', row) == tonumber(operand)
  elseif row then
    holds = string.sub(row, 9) == operand
  end
  if not holds then return {0, i} end
  at = at + 3
end
if ops == 0 then return {1, tonumber(redis.call('GET', VERSION) or '0')} end
if FREES then
  local bytes, version = 0, tonumber(redis.call('GET', VERSION) or '0') + 1
  for place = 0, ops - 1 do
    local i = at + 4 * place
    bytes = bytes + growth(keyOf(i, version, place), ARGV[i + 1] ~= 'delete' and ARGV[i + 2] or nil)
  end
  local refused = refuseGrowth(bytes)
  if refused then return refused end
end
local version = redis.call('INCR', VERSION)
local header = struct.pack('<I8', version)
for i = 0, ops - 1 do
  local key, ttl = keyOf(at, version, i), tonumber(ARGV[at + 3])
  if ARGV[at + 1] ~= 'delete' then
    store(key, header .. ARGV[at + 2], ttl)
    keep(version, i, 'p', key, ARGV[at + 2])
  else
    remove(key)
    keep(version, i, 'd', key, '')
  end
  at = at + 4
end
finish()
return {1, version}
