-- A session's day: admitted with the user's passport, a heartbeat, stopped, and charged to the nanosecond.
--   --set users=10000   --set tier=medium
return function(p)
  if p.server ~= "florin" then error("admit-stop is about sessions: it runs against Florin only") end
  local users = p.users or 10000
  local user = { pick = "uniform", from = users, as = "u%012d" }
  local session = { unique = "job" }
  return {
    about = "sessions admitted, heard and stopped, " .. users .. " users",
    connections = 16, pipeline = 4,
    setup = {
      { "LIMIT", "SET", "pro", "requests_per_hour", "none" },
      { "LIMIT", "SET", "pro", "sessions", "none" },
      { times = users, allow = "EXISTS", "USER", "CREATE",
        { pick = "uniform", from = users, as = "u%012d@load.example" }, "ID", user, "TYPE", "pro" },
      { times = users, "CREDIT", "GRANT", user, "1000", "REASON", "load test" },
      { times = users, keep = { secret = "secrets" }, "PASSPORT", "CREATE", user, "load", "read,write" },
    },
    mix = {
      { name = "session", steps = {
        { "SESSION", "ADMIT", { of = "secrets", at = user }, session, p.tier or "medium",
          "TTL", "8h", "HEARTBEAT", "1m" },
        { "SESSION", "HEARTBEAT", session },
        { "SESSION", "STOP", session, charge = "session_runtime" },
      } },
    },
  }
end
