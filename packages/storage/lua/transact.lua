-- Applies all operations when every check holds, none otherwise.
-- KEYS and ARGV[1..3] as in put.lua  ARGV[4] number of checks  ARGV[5] number of operations
-- then per check: key, kind ('version', 'value', 'absent'), operand
-- then per operation: key, kind ('put', 'delete'), value, milliseconds to live or 0
-- Returns {1, version}, or {0, index of the first check that failed}.
local checks, ops, at = tonumber(ARGV[4]), tonumber(ARGV[5]), 6
for i = 0, checks - 1 do
  local row = redis.call('GET', ARGV[1] .. ARGV[at])
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
if ops == 0 then return {1, tonumber(redis.call('GET', KEYS[2]) or '0')} end
local version = redis.call('INCR', KEYS[2])
local header = struct.pack('<I8', version)
for i = 0, ops - 1 do
  local key, ttl = ARGV[at], tonumber(ARGV[at + 3])
  if ARGV[at + 1] == 'put' then
    store(ARGV[1], key, header .. ARGV[at + 2], ttl)
    keep(version, i, 'p', key, ARGV[at + 2])
  else
    remove(ARGV[1], key)
    keep(version, i, 'd', key, '')
  end
  at = at + 4
end
finish(ARGV[2], ARGV[3])
return {1, version}
