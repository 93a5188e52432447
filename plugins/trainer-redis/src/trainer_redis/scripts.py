"""What happens inside Redis, in Lua: each script is one atomic step. `records` says how a version is written.

Names of keys, of which `{prefix}` keeps those of one store in one slot of a cluster:

- `{prefix}:NAMESPACE:record:KEY`: a hash: `head` and `data` of the current version, `N` of each earlier one;
- `{prefix}:NAMESPACE:keys`: the keys that are not deleted, all with score 0, so in order of their bytes;
- `{prefix}:NAMESPACE:recent`, `…:source:JSON`, `…:query:DIGEST`: the same keys, all or those of one source or
  `metadata.query`, by time: the score is minus `updated_at`, so that a walk meets the last updated first, then by key;
- `{prefix}:NAMESPACE:expiry`: the keys with a time to live, by the time when it ends;
- `{prefix}:namespaces`: the namespaces that hold anything.
"""

from __future__ import annotations

COMMON = r"""
local base = KEYS[1]

local function read(key)
  local head = redis.call('HGET', base .. 'record:' .. key, 'head')
  if not head then return nil end
  local version, stored, expires, deleted, source, terms =
    string.match(head, '^(%d+) (%-?%d+) %-?%d+ (%S+) ([01])\n([^\n]*)\n([^\n]*)\n')
  if not version then error({err = 'DAMAGED record ' .. key}) end
  return {head = head, version = tonumber(version), stored = stored, expires = expires,
    deleted = deleted == '1', source = source, terms = terms}
end

local function is_live(old, now)
  return old and not old.deleted and (old.expires == '-' or tonumber(old.expires) > now)
end

local function score(time) return string.format('%.0f', -tonumber(time)) end

local function each(terms, command, key, ...)
  for term in string.gmatch(terms, '%S+') do
    local arguments = {...}
    table.insert(arguments, key)
    redis.call(command, base .. 'query:' .. term, unpack(arguments))
  end
end

-- Put the current version among the old ones.
local function keep(key, old)
  local place = base .. 'record:' .. key
  redis.call('HSET', place, string.format('%.0f', old.version), old.head .. '\n' .. redis.call('HGET', place, 'data'))
end

local function bury(key, old, now)
  redis.call('ZREM', base .. 'keys', key)
  redis.call('ZREM', base .. 'recent', key)
  redis.call('ZREM', base .. 'source:' .. old.source, key)
  redis.call('ZREM', base .. 'expiry', key)
  each(old.terms, 'ZREM', key)
  keep(key, old)
  local head = string.format('%.0f', old.version + 1) .. ' ' .. now .. ' ' .. now .. ' - 1\n' .. old.source .. '\n\n{}'
  redis.call('HSET', base .. 'record:' .. key, 'head', head, 'data', 'null')
end
"""

# (base, namespaces) (key, now, expires, source, terms, metadata, data, namespace, if_version or "")
# -> [1 stored | 2 the same content | 0 another version, the version there is, its stored_at]
STORE = (
    COMMON
    + r"""
local key, now, expires, source, terms, about, data, space, wanted = unpack(ARGV)
local old, place = read(key), base .. 'record:' .. key
local alive = is_live(old, tonumber(now))
local found = alive and old.version or 0
if wanted ~= '' and tonumber(wanted) ~= found then return {0, found, '0'} end
local same = alive and redis.call('HGET', place, 'data') == data
local version, stored = old and old.version or 0, same and old.stored or now
if not same then version = version + 1 end
if old and not old.deleted then
  if old.source ~= source then redis.call('ZREM', base .. 'source:' .. old.source, key) end
  if old.terms ~= terms then each(old.terms, 'ZREM', key) end
end
if not old then redis.call('SADD', KEYS[2], space) end
redis.call('ZADD', base .. 'keys', 0, key)
redis.call('ZADD', base .. 'recent', score(now), key)
redis.call('ZADD', base .. 'source:' .. source, score(now), key)
each(terms, 'ZADD', key, score(now))
if expires ~= '-' then
  redis.call('ZADD', base .. 'expiry', expires, key)
elseif old and old.expires ~= '-' then
  redis.call('ZREM', base .. 'expiry', key)
end
if old and not same then keep(key, old) end
local numbers = string.format('%.0f', version) .. ' ' .. stored .. ' ' .. now .. ' ' .. expires .. ' 0\n'
redis.call('HSET', place, 'head', numbers .. source .. '\n' .. terms .. '\n' .. about)
if not same then redis.call('HSET', place, 'data', data) end
return {same and 2 or 1, version, stored}
"""
)

# (base) (key, now, if_version or "") -> [1 deleted | 2 there was none | 0 another version, the version there is]
DELETE = (
    COMMON
    + r"""
local key, now, wanted = unpack(ARGV)
local old = read(key)
local alive = is_live(old, tonumber(now))
local found = alive and old.version or 0
if wanted ~= '' and tonumber(wanted) ~= found then return {0, found} end
if not alive then return {2, 0} end
bury(key, old, now)
return {1, found}
"""
)

# (base) (now, how many at most) -> [how many were looked at, how many were turned into tombstones]
SWEEP = (
    COMMON
    + r"""
local now, most = ARGV[1], ARGV[2]
local keys, buried = redis.call('ZRANGEBYSCORE', base .. 'expiry', '-inf', now, 'LIMIT', 0, most), 0
for _, key in ipairs(keys) do
  local old = read(key)
  if old and not old.deleted and not is_live(old, tonumber(now)) then
    bury(key, old, now)
    buried = buried + 1
  end
end
return {#keys, buried}
"""
)

# (base) (now, prefix, source as JSON or "") -> how many; a source and a prefix at once are not for this script
COUNT = (
    COMMON
    + r"""
local now, prefix, source = unpack(ARGV)
local total
if source == '' then
  total = redis.call('ZLEXCOUNT', base .. 'keys', '[' .. prefix, '[' .. prefix .. '\255')
else
  total = redis.call('ZCARD', base .. 'source:' .. source)
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', base .. 'expiry', '-inf', now)) do
  if source == '' then
    if string.sub(key, 1, #prefix) == prefix then total = total - 1 end
  elseif redis.call('ZSCORE', base .. 'source:' .. source, key) then
    total = total - 1
  end
end
return total
"""
)
