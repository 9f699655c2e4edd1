-- Applies all operations when every check holds, none otherwise.
-- KEYS as in changes.lua  ARGV[1] checks and operations, packed as packed-transaction.ts says
-- Returns {1, version}, or {0, index of the first check that failed}.
local packed = ARGV[1]
local checks, ops, at = struct.unpack('<I4I4', packed)

local names, kinds, operands = {}, {}, {}
for i = 1, checks do
  kinds[i], names[i], operands[i], at = struct.unpack('<I1I4c0I4c0', packed, at)
end
-- Keys that are known to be in the index.
local indexed = {}
-- A call takes some thousand arguments.
for first = 1, checks, 1000 do
  local asked = {}
  for i = first, math.min(first + 999, checks) do asked[i - first + 1] = ROWS .. names[i] end
  local rows = redis.call('MGET', unpack(asked))
  for place, row in ipairs(rows) do
    local i = first + place - 1
    local kind, holds = kinds[i], false
    if kind == 0 then
      holds = not row
    elseif row and kind == 1 then
      holds = string.sub(row, 1, 8) == operands[i]
    elseif row then
      holds = string.sub(row, 9) == operands[i]
    end
    if not holds then return {0, i - 1} end
    if row then indexed[names[i]] = true end
  end
end
if ops == 0 then return {1, tonumber(redis.call('GET', VERSION) or '0')} end

-- Kinds of operations: 0 delete, 1 put, 2 append.
local kind, keys, values, ttls = {}, {}, {}, {}
for i = 1, ops do
  kind[i], ttls[i], keys[i], values[i], at = struct.unpack('<I1I8I4c0I4c0', packed, at)
end
local function nameAppends(version)
  for i = 1, ops do
    if kind[i] == 2 then keys[i] = keys[i] .. appendSuffix(version, i - 1) end
  end
end
if FREES then
  local bytes, prefixes = 0, {}
  for i = 1, ops do prefixes[i] = keys[i] end
  nameAppends(tonumber(redis.call('GET', VERSION) or '0') + 1)
  for i = 1, ops do bytes = bytes + growth(keys[i], kind[i] ~= 0 and values[i] or nil) end
  local refused = refuseGrowth(bytes)
  if refused then return refused end
  keys = prefixes
end
local version = redis.call('INCR', VERSION)
local header = struct.pack('<I8', version)
nameAppends(version)

-- What is done to several keys in one call, as a call takes as long as what it does.
local seen, stored, added, lasting, expiring, removed, removedRows = {}, {}, {}, {}, {}, {}, {}
local function callWith(command, key, list)
  if #list > 0 then redis.call(command, key, unpack(list)) end
end
local function flush()
  if #stored > 0 then redis.call('MSET', unpack(stored)) end
  if #removedRows > 0 then redis.call('DEL', unpack(removedRows)) end
  callWith('ZREM', INDEX, removed)
  callWith('ZADD', INDEX, added)
  callWith('ZREM', EXPIRIES, lasting)
  callWith('ZADD', EXPIRIES, expiring)
  seen, stored, added, lasting, expiring, removed, removedRows = {}, {}, {}, {}, {}, {}, {}
end
local now
for i = 1, ops do
  local key, ttl = keys[i], ttls[i]
  -- The same key again: in the order of the operations.
  if seen[key] then flush() end
  seen[key] = true
  local name = ROWS .. key
  if kind[i] == 0 then
    indexed[key] = nil
    removed[#removed + 1] = key
    removedRows[#removedRows + 1] = name
    lasting[#lasting + 1] = key
  else
    if ttl > 0 then
      now = now or redis.call('TIME')
      redis.call('SET', name, header .. values[i], 'PX', ttl)
      local last = #expiring
      expiring[last + 1], expiring[last + 2] = now[1] * 1000 + math.floor(now[2] / 1000) + ttl, key
    else
      local last = #stored
      stored[last + 1], stored[last + 2] = name, header .. values[i]
      if kind[i] ~= 2 then lasting[#lasting + 1] = key end
    end
    if not indexed[key] then
      local last = #added
      added[last + 1], added[last + 2] = 0, key
      indexed[key] = true
    end
  end
end
flush()
if watched then
  for i = 1, ops do keep(version, i - 1, kind[i] == 0 and 'd' or 'p', keys[i], values[i]) end
end
finish()
return {1, version}
