package enum CanonicalScenario {
    package static let name = "charge.lua"

    /// `Scripts/load/charge.lua`, so that the binary alone can measure; a test holds the two equal.
    package static let source = """
        -- One charge of 0.01 a time, each with a KEY of its own, of users picked uniformly. What `florin load` measures
        -- without a script. Against Redis: the same by a Lua script (check the balance, take the amount, append a row).
        --   --set users=100000   --set key=false
        return function(p)
          local users = p.users or 100000
          local user = { pick = "uniform", from = users, as = "u%012d" }
          local load = {
            about = "one charge of 0.01 a time, " .. users .. " users picked uniformly",
            connections = 16, pipeline = 16,
          }
          if p.server ~= "florin" then
            load.scripts = { charge = [[
              local b = redis.call("HGET", KEYS[1], "bal")
              if not b then return redis.error_reply("NOUSER") end
              local a = tonumber(ARGV[1])
              if tonumber(b) < a then return redis.error_reply("NOCREDIT") end
              redis.call("HINCRBY", KEYS[1], "bal", -a)
              redis.call("INCRBY", "revenue:" .. ARGV[2], a)
              local t = redis.call("TIME")
              redis.call("RPUSH", KEYS[2], a .. "|" .. ARGV[2] .. "|" .. t[1] .. string.format("%06d", t[2]))
              return redis.status_reply("OK")]] }
            local key = { pick = "uniform", from = users, as = "u:u%012d" }
            load.setup = { { times = users, "HSET", key, "bal", "1000000000000000" } }
            load.mix = { { name = "charge", charge = "api", amount = "0.01",
              "EVALSHA", { sha = "charge" }, 2, key, "h:u", 10000000, "api" } }
            load.books = { api = { "GET", "revenue:api" } }
            return load
          end
          load.setup = {
            { times = users, allow = "EXISTS", "USER", "CREATE",
              { pick = "uniform", from = users, as = "u%012d@load.example" }, "ID", user, "TYPE", "pro" },
            { times = users, "CREDIT", "GRANT", user, "10000", "REASON", "load test" },
          }
          local command = { name = "charge", charge = "api", "CREDIT", "CHARGE", user, "0.01", "api" }
          if p.key ~= false then
            table.insert(command, "KEY")
            table.insert(command, { unique = "load" })
          end
          load.mix = { command }
          return load
        end
        """
}
