-- Drops what has expired, at most 1,000 entries; returns when the next one expires (milliseconds), -1 for never.
-- KEYS as in put.lua and changes.lua  ARGV[1] prefix of row keys  ARGV[2] channel  ARGV[3] namespace
if expire(ARGV[1]) > 0 then finish(ARGV[2], ARGV[3]) end
local next = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
return next[2] and string.format('%.0f', tonumber(next[2])) or '-1'
