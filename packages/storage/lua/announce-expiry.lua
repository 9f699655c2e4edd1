-- Has a namespace looked at when something in it expires.
-- KEYS[1] namespaces by the time to look at them, in milliseconds (sorted set); a time that ends in .5 is of a
-- namespace in which nothing expired when it was last looked at
-- ARGV[1] namespace  ARGV[2] milliseconds until then
local now = redis.call('TIME')
local due = now[1] * 1000 + math.floor(now[2] / 1000) + tonumber(ARGV[2])
local known = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 'inf')
-- The time always changes, by which settle-due.lua sees that something was announced since.
if known <= due then due = math.floor(known) - 1 end
redis.call('ZADD', KEYS[1], string.format('%.0f', due), ARGV[1])
return 1
