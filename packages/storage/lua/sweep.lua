-- Drops what has expired; returns how many entries that were.
-- KEYS as in put.lua and changes.lua  ARGV[1] prefix of row keys  ARGV[2] channel  ARGV[3] namespace
local expired = expire(ARGV[1])
if expired > 0 then finish(ARGV[2], ARGV[3]) end
return expired
