-- A platform: 90 % passport checks, 8 % sessions admitted and stopped, 2 % purchases of a space.
--   --set users=50000   --set theta=0.99
return function(p)
  if p.server ~= "florin" then error("mixed is about sessions and spaces: it runs against Florin only") end
  local users = p.users or 50000
  local user = { pick = "zipf", theta = p.theta or 0.99, from = users, as = "u%012d" }
  local session = { unique = "job" }
  return {
    about = "90 % verify, 8 % session, 2 % purchase; " .. users .. " users",
    connections = 16, pipeline = 8,
    setup = {
      { "LIMIT", "SET", "pro", "requests_per_hour", "none" },
      { "LIMIT", "SET", "pro", "sessions", "none" },
      { times = users, allow = "EXISTS", "USER", "CREATE",
        { pick = "uniform", from = users, as = "u%012d@load.example" }, "ID", user, "TYPE", "pro" },
      { times = users, "CREDIT", "GRANT", user, "1000000", "REASON", "load test" },
      { times = users, keep = { secret = "secrets" }, "PASSPORT", "CREATE", user, "load", "read,write" },
    },
    mix = {
      { name = "verify", weight = 90, "PASSPORT", "VERIFY", { of = "secrets", at = user } },
      { name = "session", weight = 8, steps = {
        { "SESSION", "ADMIT", { of = "secrets", at = user }, session, { one = { "small", "medium", "large" } } },
        { "SESSION", "STOP", session, charge = "session_runtime" },
      } },
      { name = "purchase", weight = 2, charge = "space_purchase",
        "SPACE", "PURCHASE", user, { one = { "research", "web-dev", "ml-ready" } }, "load", { unique = "space" } },
    },
  }
end
