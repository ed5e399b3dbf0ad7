-- One user pays for nine charges in ten: what a single account can take, and what it does to the others.
--   --set users=100000   --set share=0.9   --set hot=1
return function(p)
  if p.server ~= "florin" then error("hot-user runs against Florin only; charge.lua has a side for Redis") end
  local users = p.users or 100000
  local share, hot = p.share or 0.9, p.hot or 1
  local user = { pick = "hot", from = users, hot = hot, share = share, as = "u%012d" }
  return {
    about = share * 100 .. " % of the charges are of " .. hot .. " of " .. users .. " users",
    connections = 16, pipeline = 16,
    setup = {
      { times = users, allow = "EXISTS", "USER", "CREATE",
        { pick = "uniform", from = users, as = "u%012d@load.example" }, "ID", user, "TYPE", "pro" },
      { times = users, "CREDIT", "GRANT", user, "50000", "REASON", "load test" },
    },
    mix = { { name = "charge", charge = "api", "CREDIT", "CHARGE", user, "0.001", "api", "KEY", { unique = "load" } } },
  }
end
