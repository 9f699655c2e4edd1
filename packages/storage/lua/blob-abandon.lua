-- Gives up uploads whose lease has ended: they can neither be renewed nor begin to be a blob from now on.
-- ARGV[1] how many to pass over  ARGV[2] how many to answer with  ARGV[3] '1' to change nothing
-- Returns {upload, reserved parts, hash or '-', …}.
local out = {}
for _, upload in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now(), 'LIMIT', ARGV[1], ARGV[2])) do
  local known = redis.call('HGET', KEYS[4], upload) or '0 1 -'
  local reserved, _, hash = string.match(known, '^(%d+) (%d) (%S+)$')
  if ARGV[3] ~= '1' then redis.call('HSET', KEYS[4], upload, reserved .. ' 1 ' .. hash) end
  out[#out + 1] = upload
  out[#out + 1] = reserved
  out[#out + 1] = hash
end
return out
