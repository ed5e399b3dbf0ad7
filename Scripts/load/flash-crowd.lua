-- A crowd arrives: an open loop that climbs tenfold within 10 s, stays, and leaves. Users pick nobody's pace but their
-- own, so response times count from when they came.
--   --set base=1000   --set peak=10000   --set users=20000
return function(p)
  if p.server ~= "florin" then error("flash-crowd is about sessions: it runs against Florin only") end
  local users = p.users or 20000
  local base, peak = p.base or 1000, p.peak or 10000
  local user = { pick = "zipf", theta = 0.99, from = users, as = "u%012d" }
  local session = { unique = "job" }
  return {
    about = "a crowd of " .. peak .. "/s on a base of " .. base .. "/s",
    connections = 32, pipeline = 8, arrivals = "poisson",
    setup = {
      { "LIMIT", "SET", "pro", "requests_per_hour", "none" },
      { "LIMIT", "SET", "pro", "sessions", "none" },
      { times = users, allow = "EXISTS", "USER", "CREATE",
        { pick = "uniform", from = users, as = "u%012d@load.example" }, "ID", user, "TYPE", "pro" },
      { times = users, "CREDIT", "GRANT", user, "10000", "REASON", "load test" },
      { times = users, keep = { secret = "secrets" }, "PASSPORT", "CREATE", user, "load", "read,write" },
    },
    stages = {
      { rate = base, over = "0s" }, { rate = base, over = "5s" },
      { rate = peak, over = "10s" }, { rate = peak, over = "10s" },
      { rate = base, over = "5s" }, { rate = base, over = "5s" },
    },
    mix = {
      { name = "verify", weight = 80, "PASSPORT", "VERIFY", { of = "secrets", at = user } },
      { name = "session", weight = 20, steps = {
        { "SESSION", "ADMIT", { of = "secrets", at = user }, session, "small" },
        { "SESSION", "STOP", session, charge = "session_runtime" },
      } },
    },
    thresholds = { "errors < 0.1%" },
  }
end
