-- One page of a namespace in byte order; first drops what has expired.
-- KEYS and ARGV[1..3] as in put.lua
-- ARGV[4] from  ARGV[5] to (bounds of ZRANGEBYLEX, in its own order)
-- ARGV[6] limit  ARGV[7] '1' for reverse  ARGV[8] '1' for keys and versions only
-- Returns {more (0 or 1), key, row, key, row, …}.
if expire(ARGV[1]) > 0 then finish(ARGV[2], ARGV[3]) end
local command = ARGV[7] == '1' and 'ZREVRANGEBYLEX' or 'ZRANGEBYLEX'
local limit, offset = tonumber(ARGV[6]), 0
local out, found = {0}, 0
while true do
  local keys = redis.call(command, KEYS[1], ARGV[4], ARGV[5], 'LIMIT', offset, 500)
  if #keys == 0 then return out end
  local names = {}
  for i, key in ipairs(keys) do names[i] = ARGV[1] .. key end
  local rows = redis.call('MGET', unpack(names))
  for i, key in ipairs(keys) do
    local row = rows[i]
    if row then
      if found == limit then
        out[1] = 1
        return out
      end
      found = found + 1
      out[#out + 1] = key
      out[#out + 1] = ARGV[8] == '1' and string.sub(row, 1, 8) or row
    end
  end
  offset = offset + #keys
end
