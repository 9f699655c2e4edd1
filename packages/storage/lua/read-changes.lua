-- The changes after a version, never a part of a version's.
-- KEYS as in changes.lua  ARGV[1] version  ARGV[2] about how many
-- ARGV[3] mark of the watch  ARGV[4] mark of the version's last change, '' when it is not known
-- Returns {0} when not all of them are kept, else {1, stream entry, …}.
local from = redis.call('HGET', WATCH, 'from')
if not from or tonumber(ARGV[1]) < tonumber(from) then return {0} end
-- After a fail-over that lost writes, other changes have the versions of the lost ones.
if redis.call('HGET', WATCH, 'mark') ~= ARGV[3] then return {0} end
if ARGV[4] ~= '' then
  local last = redis.call('XREVRANGE', CHANGES, ARGV[1], ARGV[1], 'COUNT', 1)[1]
  if not last or last[2][8] ~= ARGV[4] then return {0} end
end
local first = string.format('%.0f', tonumber(ARGV[1]) + 1)
local out = {1}
local entries = redis.call('XRANGE', CHANGES, first, '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do out[#out + 1] = entry end
if #entries == tonumber(ARGV[2]) then
  local last = entries[#entries][1]
  for _, entry in ipairs(redis.call('XRANGE', CHANGES, '(' .. last, string.match(last, '^(%d+)-'))) do
    out[#out + 1] = entry
  end
end
return out
