-- One page of a namespace's rows with their expiry, in byte order; changes nothing.
-- KEYS as in changes.lua
-- ARGV[1] from (bound of ZRANGEBYLEX)  ARGV[2] most keys  ARGV[3] bytes of rows after which the page ends
-- ARGV[4] '1' to tell sizes only
-- Returns {last key looked at or '' at the end, key, row (or its bytes), expiry in ms since the epoch or -1, …}.
local keys = redis.call('ZRANGEBYLEX', INDEX, ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local out, bytes = {''}, 0
for _, key in ipairs(keys) do
  local name = ROWS .. key
  local row = redis.pcall(ARGV[4] == '1' and 'STRLEN' or 'GET', name)
  if row then
    -- A row of another type is told as one that cannot be read.
    if type(row) == 'table' then row = ARGV[4] == '1' and 0 or '' end
    if ARGV[4] ~= '1' or redis.call('EXISTS', name) == 1 then
      out[#out + 1] = key
      out[#out + 1] = row
      out[#out + 1] = redis.call('PEXPIRETIME', name)
    end
    bytes = bytes + (ARGV[4] == '1' and 0 or #row)
  end
  out[1] = key
  if bytes >= tonumber(ARGV[3]) then return out end
end
return out
