-- Takes namespaces that are to be looked at; others get them after some time, if nobody settles them before.
-- KEYS[1] as in announce-expiry.lua  ARGV[1] how many at most  ARGV[2] milliseconds until others get them
-- Returns {namespace, time, …}; settle-due.lua is told the time.
local now = redis.call('TIME')
local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
local out = {}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', nowMs, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #due, 2 do
  local taken = nowMs + tonumber(ARGV[2]) + tonumber(due[i + 1]) % 1
  out[i], out[i + 1] = due[i], string.format('%.1f', taken)
  redis.call('ZADD', KEYS[1], out[i + 1], due[i])
end
return out
