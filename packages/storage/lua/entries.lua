-- One page of a namespace's rows with their expiry, in byte order; changes nothing.
-- KEYS and ARGV[1..3] as in put.lua
-- ARGV[4] from (bound of ZRANGEBYLEX)  ARGV[5] most keys  ARGV[6] bytes of rows after which the page ends
-- ARGV[7] '1' to tell sizes only
-- Returns {last key looked at or '' at the end, key, row (or its bytes), expiry in ms since the epoch or -1, …}.
local keys = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[4], '+', 'LIMIT', 0, ARGV[5])
local out, bytes = {''}, 0
for _, key in ipairs(keys) do
  local name = ARGV[1] .. key
  local row = redis.pcall(ARGV[7] == '1' and 'STRLEN' or 'GET', name)
  if row then
    -- A row of another type is told as one that cannot be read.
    if type(row) == 'table' then row = ARGV[7] == '1' and 0 or '' end
    if ARGV[7] ~= '1' or redis.call('EXISTS', name) == 1 then
      out[#out + 1] = key
      out[#out + 1] = row
      out[#out + 1] = redis.call('PEXPIRETIME', name)
    end
    bytes = bytes + (ARGV[7] == '1' and 0 or #row)
  end
  out[1] = key
  if bytes >= tonumber(ARGV[6]) then return out end
end
return out
