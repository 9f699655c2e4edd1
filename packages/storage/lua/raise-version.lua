-- Makes the namespace's version at least a given one, and drops the changes from before when it has to.
-- KEYS as in changes.lua  ARGV[1] version  ARGV[2] '1' to replace what is no number
-- Returns the version, or -1 for what is no number.
local current = '0'
local kind = redis.call('TYPE', VERSION).ok
if kind == 'string' then current = redis.call('GET', VERSION) elseif kind ~= 'none' then current = '' end
local number = string.match(current, '^%d+$') and tonumber(current)
if number and number >= tonumber(ARGV[1]) then return number end
if not number and ARGV[2] ~= '1' then return -1 end
redis.call('SET', VERSION, ARGV[1])
if watched then
  redis.call('DEL', CHANGES)
  redis.call('HSET', WATCH, 'from', ARGV[1], 'bytes', 0)
  finish()
end
return tonumber(ARGV[1])
