-- Makes the namespace's version at least a given one, and drops the changes from before when it has to.
-- KEYS and ARGV[1..3] as in put.lua  ARGV[4] version  ARGV[5] '1' to replace what is no number
-- Returns the version, or -1 for what is no number.
local current = '0'
local kind = redis.call('TYPE', KEYS[2]).ok
if kind == 'string' then current = redis.call('GET', KEYS[2]) elseif kind ~= 'none' then current = '' end
local number = string.match(current, '^%d+$') and tonumber(current)
if number and number >= tonumber(ARGV[4]) then return number end
if not number and ARGV[5] ~= '1' then return -1 end
redis.call('SET', KEYS[2], ARGV[4])
if watched then
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[5], 'from', ARGV[4], 'bytes', 0)
end
redis.call('PUBLISH', ARGV[2], ARGV[4] .. ' ' .. ARGV[3])
return tonumber(ARGV[4])
