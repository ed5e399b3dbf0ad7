-- PASSPORT VERIFY: what a platform asks on every request of its own. The passports are issued in the set-up. Against
-- Redis: a script that looks up a key's user and balance.
--   --set users=100000   --set theta=0.99 (0: uniform)
return function(p)
  local users = p.users or 100000
  local theta = p.theta or 0.99
  local function picked(as)
    if theta == 0 then return { pick = "uniform", from = users, as = as } end
    return { pick = "zipf", theta = theta, from = users, as = as }
  end
  local user = picked("u%012d")
  local load = {
    about = "passports of " .. users .. " users checked, Zipf exponent " .. theta,
    connections = 16, pipeline = 16,
  }
  if p.server ~= "florin" then
    local key = picked("p:u%012d")
    load.scripts = { verify = [[
      local u = redis.call("GET", KEYS[1])
      if not u then return redis.error_reply("NOKEY") end
      return { u, redis.call("HGET", "u:" .. u, "bal") }]] }
    load.setup = {
      { times = users, "HSET", picked("u:u%012d"), "bal", "1000000000000" },
      { times = users, "SET", key, user },
    }
    load.mix = { { name = "verify", "EVALSHA", { sha = "verify" }, 1, key } }
    return load
  end
  load.setup = {
    { "LIMIT", "SET", "pro", "requests_per_hour", "none" },
    { times = users, allow = "EXISTS", "USER", "CREATE", picked("u%012d@load.example"), "ID", user, "TYPE", "pro" },
    { times = users, keep = { secret = "secrets" }, "PASSPORT", "CREATE", user, "load", "read" },
  }
  load.mix = { { name = "verify", "PASSPORT", "VERIFY", { of = "secrets", at = user }, "PERMISSION", "read" } }
  return load
end
