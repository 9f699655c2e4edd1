-- Drops what has expired, at most 1,000 entries; returns when the next one expires (milliseconds), -1 for never.
-- KEYS as in changes.lua
if expire() > 0 then finish() end
local next = redis.call('ZRANGE', EXPIRIES, 0, 0, 'WITHSCORES')
return next[2] and string.format('%.0f', tonumber(next[2])) or '-1'
