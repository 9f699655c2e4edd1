-- One page of a namespace in byte order; first drops what has expired.
-- KEYS as in changes.lua
-- ARGV[1] from  ARGV[2] to (bounds of ZRANGEBYLEX, in its own order)
-- ARGV[3] limit  ARGV[4] '1' for reverse  ARGV[5] '1' for keys and versions only  ARGV[6] bytes that end the page
-- Returns {more (0 or 1), groups of rows, rows that are gone though nothing removed them}: of each group the number of its rows, the lengths of key and row of each (all
-- 4 bytes, little-endian), then key and row of each. One string, because a client takes longer for many small ones.
if expire() > 0 then finish() end
local command = ARGV[4] == '1' and 'ZREVRANGEBYLEX' or 'ZRANGEBYLEX'
local limit, keysOnly, most = tonumber(ARGV[3]), ARGV[5] == '1', tonumber(ARGV[6])
local out, last, found, offset, bytes, more, lost = {}, 0, 0, 0, 0, 0, 0
repeat
  -- One key more than the page has room for tells whether another page follows; a call takes some thousand arguments.
  local count = math.min(limit - found + 1, 250)
  local keys = redis.call(command, INDEX, ARGV[1], ARGV[2], 'LIMIT', offset, count)
  local names, lengths, n = {}, {}, 0
  for i = 1, #keys do names[i] = ROWS .. keys[i] end
  local rows = #keys > 0 and redis.call('MGET', unpack(names)) or {}
  local head = last + 1
  last = head
  for i = 1, #keys do
    local key, row = keys[i], rows[i]
    if row then
      if found == limit or bytes >= most then
        more = 1
        break
      end
      if keysOnly then row = string.sub(row, 1, 8) end
      lengths[n + 1], lengths[n + 2] = #key, #row
      out[last + 1], out[last + 2] = key, row
      n, last, found, bytes = n + 2, last + 2, found + 1, bytes + #row
    elseif not redis.call('ZSCORE', EXPIRIES, key) then
      lost = lost + 1
    end
  end
  out[head] = struct.pack('<I4' .. string.rep('I4', n), n / 2, unpack(lengths))
  offset = offset + #keys
until more == 1 or #keys < count
return {more, table.concat(out), lost}
