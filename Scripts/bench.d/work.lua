-- What Scripts/bench asks of both sides, one work at a time, without set-up: the users are there, and the secrets of
-- passports come as parameters (secrets1, secrets2, …, with blanks between). Redis' side does the same work in a script
-- of its own; its amounts are whole nano-dollars. A server that is neither gets the words of Florin: the floor answers
-- anything.
--   work=charge|record|admit|verify|ping|users   users=   pick=uniform|zipf|hot   key=true   now=   round=
local scripts = {
  charge = [==[
    local seen = ARGV[3] and redis.call("GET", "k:" .. ARGV[3])
    if seen then return seen end
    local b = redis.call("HGET", KEYS[1], "bal")
    if not b then return redis.error_reply("NOUSER") end
    local a = tonumber(ARGV[1])
    if tonumber(b) < a then return redis.error_reply("NOCREDIT") end
    redis.call("HINCRBY", KEYS[1], "bal", -a)
    local t = redis.call("TIME")
    redis.call("RPUSH", "h:" .. KEYS[1], a .. "|" .. ARGV[2] .. "|" .. t[1] .. string.format("%06d", t[2]))
    if ARGV[3] then redis.call("SET", "k:" .. ARGV[3], "1") end
    return redis.status_reply("OK")]==],
  -- Priced, the session remembered under its id, taken from the balance, a row of history.
  record = [==[
    local hour = { pro = { small = 25000000, medium = 37500000, large = 50000000, gpu = 125000000 } }
    if redis.call("EXISTS", "s:" .. ARGV[1]) == 1 then return redis.error_reply("EXISTS") end
    local u = redis.call("HMGET", KEYS[1], "bal", "type")
    if not u[1] then return redis.error_reply("NOUSER") end
    local rate = hour[u[2]][ARGV[2]]
    local amount = math.floor(rate * (ARGV[4] - ARGV[3]) / 3600)
    redis.call("HSET", "s:" .. ARGV[1], "user", KEYS[1], "tier", ARGV[2], "from", ARGV[3], "to", ARGV[4],
      "amount", amount)
    redis.call("HINCRBY", KEYS[1], "bal", -amount)
    redis.call("RPUSH", "h:" .. KEYS[1], amount .. "|" .. ARGV[1] .. "|" .. ARGV[3] .. "|" .. ARGV[4])
    return { rate, amount }]==],
  -- Whose passport, priced, ten minutes of it held.
  admit = [==[
    local hour = { pro = { small = 25000000, medium = 37500000, large = 50000000, gpu = 125000000 } }
    local id = redis.call("GET", KEYS[1])
    if not id then return redis.error_reply("NOKEY") end
    if redis.call("EXISTS", "s:" .. ARGV[1]) == 1 then return redis.error_reply("EXISTS") end
    local u = redis.call("HMGET", "u:" .. id, "bal", "held", "type")
    local rate = hour[u[3]][ARGV[2]]
    local lease = math.ceil(rate / 6)
    if tonumber(u[1]) - tonumber(u[2] or 0) < lease then return redis.error_reply("NOCREDIT") end
    redis.call("HINCRBY", "u:" .. id, "held", lease)
    local t = redis.call("TIME")
    redis.call("HSET", "s:" .. ARGV[1], "user", id, "tier", ARGV[2], "rate", rate, "held", lease,
      "started", t[1] .. string.format("%06d", t[2]))
    return { id, rate, lease }]==],
  stop = [==[
    local key = "s:" .. KEYS[1]
    local s = redis.call("HMGET", key, "user", "rate", "held", "started", "ended")
    if not s[1] then return redis.error_reply("NOTFOUND") end
    if s[5] then return redis.error_reply("CLOSED") end
    local t = redis.call("TIME")
    local now = t[1] .. string.format("%06d", t[2])
    local amount = math.floor(s[2] * (now - s[4]) / 3600000000)
    redis.call("HINCRBY", "u:" .. s[1], "held", -s[3])
    redis.call("HINCRBY", "u:" .. s[1], "bal", -amount)
    redis.call("HSET", key, "ended", now, "amount", amount)
    redis.call("RPUSH", "h:u:" .. s[1], amount .. "|" .. KEYS[1] .. "|" .. now)
    return { s[1], amount }]==],
  verify = [==[
    local u = redis.call("GET", KEYS[1])
    if not u then return redis.error_reply("NOKEY") end
    return { u, redis.call("HGET", "u:" .. u, "bal") }]==],
}

return function(p)
  local redis = p.server == "redis"
  local function user(as)
    if p.pick == "zipf" then return { pick = "zipf", theta = 1.5, from = p.users, as = as } end
    if p.pick == "hot" then return { pick = "hot", hot = 1, share = 0.9, from = p.users, as = as } end
    return { pick = "uniform", from = p.users, as = as }
  end
  local tier = { one = { "small", "medium", "large", "gpu" } }
  local unique = { unique = "b" }
  local function passport()
    local secrets, part = {}, 1
    while p["secrets" .. part] do
      for secret in p["secrets" .. part]:gmatch("%S+") do table.insert(secrets, secret) end
      part = part + 1
    end
    return { one = secrets[1] and secrets or { "none" } }
  end
  local works = {}

  function works.charge()
    local command = redis and { "EVALSHA", { sha = "charge" }, 1, user("u:u%012d"), 1000, "api" }
      or { "CREDIT", "CHARGE", user("u%012d"), "0.000001", "api" }
    if p.key then
      if not redis then table.insert(command, "KEY") end
      table.insert(command, unique)
    end
    return command
  end

  function works.record()
    local from = { between = { p.now - 7200, p.now - 3700 } }
    local to = { between = { p.now - 3600, p.now - 60 } }
    if redis then return { "EVALSHA", { sha = "record" }, 1, user("u:u%012d"), unique, tier, from, to } end
    return { "SESSION", "RECORD", unique, user("u%012d"), tier, "FROM", from, "TO", to }
  end

  function works.admit()
    local session = unique
    if redis then
      return { steps = {
        { "EVALSHA", { sha = "admit" }, 1, user("p:u%012d"), session, tier },
        { "EVALSHA", { sha = "stop" }, 1, session },
      } }
    end
    return { steps = { { "SESSION", "ADMIT", passport(), session, tier }, { "SESSION", "STOP", session } } }
  end

  function works.verify()
    if redis then return { "EVALSHA", { sha = "verify" }, 1, user("p:u%012d") } end
    return { "PASSPORT", "VERIFY", passport() }
  end

  function works.ping() return { "PING" } end

  function works.users() -- of Florin only
    local name = { pick = "sequential", from = 2000000000, as = "r" .. p.round .. "-%d@bench.example" }
    return { steps = {
      { "USER", "CREATE", name, "ID", unique, "NAME", "Ada Lovelace", "TYPE", "pro" },
      { "PASSPORT", "CREATE", unique, "bench", "read,write" },
    } }
  end

  local operation = works[p.work]()
  operation.name = p.work
  return { about = p.work, scripts = redis and scripts or nil, mix = { operation } }
end
