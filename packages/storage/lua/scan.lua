-- One page of a namespace in byte order; first drops what has expired.
-- KEYS as in changes.lua
-- ARGV[1] from  ARGV[2] to (bounds of ZRANGEBYLEX, in its own order)
-- ARGV[3] limit  ARGV[4] '1' for reverse  ARGV[5] '1' for keys and versions only
-- Returns {more (0 or 1), key, row, key, row, …}.
if expire() > 0 then finish() end
local command = ARGV[4] == '1' and 'ZREVRANGEBYLEX' or 'ZRANGEBYLEX'
local limit, offset, keysOnly = tonumber(ARGV[3]), 0, ARGV[5] == '1'
local out, last = {0}, 1
local full = 2 * limit + 1
while true do
  -- One key more than the page has room for tells whether another page follows; a call takes some thousand arguments.
  local count = math.min((full - last) / 2 + 1, 1000)
  local keys = redis.call(command, INDEX, ARGV[1], ARGV[2], 'LIMIT', offset, count)
  if #keys == 0 then return out end
  local names = {}
  for i = 1, #keys do names[i] = ROWS .. keys[i] end
  local rows = redis.call('MGET', unpack(names))
  for i = 1, #keys do
    local row = rows[i]
    if row then
      if last == full then
        out[1] = 1
        return out
      end
      out[last + 1] = keys[i]
      out[last + 2] = keysOnly and string.sub(row, 1, 8) or row
      last = last + 2
    end
  end
  if #keys < count then return out end
  offset = offset + #keys
end
