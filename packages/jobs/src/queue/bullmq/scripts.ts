/**
 * What BullMQ has no call for. All keys of a queue have one hash tag, so that those which a script makes from its arguments
 * are on the node of its first key. The keys and fields of BullMQ are those of the version that `package.json` names.
 */

/** Helpers of the scripts that end a job which nobody runs. */
const ENDING = `
local function out_of(q, id)
  if redis.call("ZREM", q .. "prioritized", id) == 1 then return "prioritized" end
  if redis.call("ZREM", q .. "delayed", id) == 1 then return "delayed" end
  if redis.call("ZREM", q .. "waiting-children", id) == 1 then return "waiting-children" end
  if redis.call("LREM", q .. "wait", 1, id) == 1 then return "waiting" end
  if redis.call("LREM", q .. "paused", 1, id) == 1 then return "waiting" end
  return nil
end
local function end_as_failed(q, id, now, reason, prev)
  redis.call("ZADD", q .. "failed", now, id)
  redis.call("HSET", q .. id, "failedReason", reason, "finishedOn", now)
  redis.call("DEL", q .. id .. ":dependencies")
  redis.call("XADD", q .. "events", "MAXLEN", "~", 10000, "*", "event", "failed", "jobId", id, "failedReason", reason, "prev", prev)
end
`;

/** KEYS: the hash from ids to types. ARGV: the prefix, the id, the type and the place in the index of a job. */
const PLACE = `
redis.call("HSET", KEYS[1], ARGV[2], ARGV[3])
redis.call("ZADD", ARGV[1] .. ":~index", 0, ARGV[4])
`;

/**
 * KEYS: the hash from ids to types. ARGV: the prefix, ids.
 * Of each id: its type, its state, its fields, the score of its delay, and the keys of those that it waits for; or false.
 */
const READ = `
local out = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local type = redis.call("HGET", KEYS[1], id)
  local found = false
  if type then
    local q = ARGV[1] .. ":" .. type .. ":"
    local fields = redis.call("HGETALL", q .. id)
    if #fields > 0 then
      local state, score, waits = "unknown", "", {}
      local delayed = redis.call("ZSCORE", q .. "delayed", id)
      if redis.call("ZSCORE", q .. "completed", id) then state = "completed"
      elseif redis.call("ZSCORE", q .. "failed", id) then state = "failed"
      elseif delayed then state = "delayed" score = delayed
      elseif redis.call("ZSCORE", q .. "prioritized", id) then state = "waiting"
      elseif redis.call("ZSCORE", q .. "waiting-children", id) then
        state = "waiting-children"
        waits = redis.call("SMEMBERS", q .. id .. ":dependencies")
      elseif redis.call("LPOS", q .. "active", id) then state = "active"
      elseif redis.call("LPOS", q .. "wait", id) or redis.call("LPOS", q .. "paused", id) then state = "waiting" end
      found = {type, state, fields, score, waits}
    end
  end
  out[#out + 1] = found
end
return out
`;

/**
 * KEYS: the hash from ids to types. ARGV: the prefix, the type, the id, the time, why it failed.
 * Ends a job that does not run; one that does is to be cancelled from now on, which changes its lock.
 * Gives missing, completed, failed, active or ended.
 */
const CANCEL = `${ENDING}
local q = ARGV[1] .. ":" .. ARGV[2] .. ":"
local id = ARGV[3]
if redis.call("EXISTS", q .. id) == 0 then return "missing" end
if redis.call("ZSCORE", q .. "completed", id) then return "completed" end
if redis.call("ZSCORE", q .. "failed", id) then return "failed" end
local prev = out_of(q, id)
if prev then
  end_as_failed(q, id, ARGV[4], ARGV[5], prev)
  return "ended"
end
if not redis.call("LPOS", q .. "active", id) then return "missing" end
if redis.call("HSETNX", q .. id, "cancel", ARGV[5]) == 1 then
  local lock = redis.call("GET", q .. id .. ":lock")
  if lock then redis.call("SET", q .. id .. ":lock", "cancel:" .. lock, "KEEPTTL") end
end
return "active"
`;

/**
 * KEYS: the hash from ids to types. ARGV: the prefix, the type, the time, why a job that stalled too often failed, why one
 * that may be started again failed, ids that are locked anew with the text after each. BullMQ's own check fails a job only when the next worker has
 * it, knows one limit for all jobs of a queue, and needs two looks.
 * Gives the milliseconds to the end of the next lock, or -1, then id and what became of it, of each job without a lock.
 */
const STALLS = `${ENDING}
local q = ARGV[1] .. ":" .. ARGV[2] .. ":"
local now = ARGV[3]
local kept = {}
for i = 6, #ARGV, 2 do kept[ARGV[i]] = ARGV[i + 1] end
local next_ms, out = -1, {}
for _, id in ipairs(redis.call("LRANGE", q .. "active", 0, -1)) do
  local ttl = redis.call("PTTL", q .. id .. ":lock")
  if ttl >= 0 then
    if next_ms < 0 or ttl < next_ms then next_ms = ttl end
  elseif kept[id] then
    if kept[id] ~= "" then redis.call("SET", q .. id .. ":lock", kept[id], "PX", 60000) end
  elseif ttl == -2 then
    redis.call("LREM", q .. "active", 1, id)
    redis.call("SREM", q .. "stalled", id)
    local fields = redis.call("HMGET", q .. id, "cancel", "opts")
    local stalls = redis.call("HINCRBY", q .. id, "stc", 1)
    local most = 1
    local readable, meta = pcall(function() return cjson.decode(cjson.decode(fields[2])["aspen"]) end)
    if readable then most = tonumber(meta["maxStalls"]) or 1 end
    out[#out + 1] = id
    if fields[1] then
      end_as_failed(q, id, now, fields[1], "active")
      out[#out + 1] = "cancelled"
    elseif stalls > most then
      end_as_failed(q, id, now, string.gsub(ARGV[4], "@stalls@", stalls), "active")
      out[#out + 1] = "dead_letter"
    else
      redis.call("HSET", q .. id, "failedReason", (string.gsub(ARGV[5], "@stalls@", stalls)))
      redis.call("RPUSH", q .. "wait", id)
      redis.call("ZADD", q .. "marker", 0, "0")
      redis.call("XADD", q .. "events", "*", "event", "waiting", "jobId", id, "prev", "active")
      redis.call("XADD", q .. "events", "*", "event", "stalled", "jobId", id)
      out[#out + 1] = "pending"
    end
  end
end
table.insert(out, 1, next_ms)
return out
`;

/**
 * KEYS: the hash from ids to types. ARGV: the prefix, the type and the id of a job that waits, the key of one that is over,
 * 1 when that did not complete, the time, why the job fails then.
 * Gives gone, ended, waiting, or ready: it waits for nothing more, and BullMQ may let it go.
 */
const PARENT_OVER = `${ENDING}
local q = ARGV[1] .. ":" .. ARGV[2] .. ":"
local id = ARGV[3]
if not redis.call("ZSCORE", q .. "waiting-children", id) then return "gone" end
redis.call("SREM", q .. id .. ":dependencies", ARGV[4])
if ARGV[5] == "1" then
  local meta = cjson.decode(cjson.decode(redis.call("HGET", q .. id, "opts"))["aspen"])
  if meta["onDependencyFailure"] == "fail" then
    redis.call("ZREM", q .. "waiting-children", id)
    end_as_failed(q, id, ARGV[6], ARGV[7], "waiting-children")
    return "ended"
  end
end
if redis.call("SCARD", q .. id .. ":dependencies") == 0 then return "ready" end
return "waiting"
`;

/**
 * KEYS: the hash from ids to types. ARGV: the prefix, the type, how many jobs of a state are looked at.
 * Counts: waiting, waiting for others, running, completed, scheduled, retrying, failed, cancelled, dead letters.
 */
const COUNTS = `
local q = ARGV[1] .. ":" .. ARGV[2] .. ":"
local waiting = redis.call("LLEN", q .. "wait") + redis.call("LLEN", q .. "paused") + redis.call("ZCARD", q .. "prioritized")
local scheduled, retrying = 0, 0
for _, id in ipairs(redis.call("ZRANGE", q .. "delayed", 0, ARGV[3] - 1)) do
  if tonumber(redis.call("HGET", q .. id, "atm") or 0) > 0 then retrying = retrying + 1 else scheduled = scheduled + 1 end
end
local ends = {failed = 0, cancelled = 0, dead_letter = 0}
for _, id in ipairs(redis.call("ZRANGE", q .. "failed", 0, ARGV[3] - 1)) do
  local status = string.match(redis.call("HGET", q .. id, "failedReason") or "", '^{"status":"([a-z_]+)"')
  if not ends[status] then status = "failed" end
  ends[status] = ends[status] + 1
end
return {waiting, redis.call("ZCARD", q .. "waiting-children"), redis.call("LLEN", q .. "active"),
  redis.call("ZCARD", q .. "completed"), scheduled, retrying, ends.failed, ends.cancelled, ends.dead_letter}
`;

export const SCRIPTS = {
  place: PLACE,
  read: READ,
  cancel: CANCEL,
  stalls: STALLS,
  parentOver: PARENT_OVER,
  counts: COUNTS,
} as const;

export type ScriptName = keyof typeof SCRIPTS;
