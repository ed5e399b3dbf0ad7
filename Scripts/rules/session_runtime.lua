-- What an hour of a session costs.
--
-- A rule is a file that ends with `return function ... end`. Florin calls the function whenever a session is
-- admitted, quoted or recorded; the answer is journaled with the session, so a later version changes no bill.
--
--   user_type           "free", "pro", "enterprise" or "admin"
--   tier                "small", "medium", "large" or "gpu"
--   seconds_this_month  what the user has used in this UTC month before this session, in whole seconds
--
-- It returns a rate, and the list rate (what the price list asks: kept beside the charge, never charged).
-- Both are integers in billionths of a dollar per hour; usd"0.05" writes them, exactly. 0.05 alone would be a
-- floating-point number, which Florin refuses. Instead of a rate a rule may return steps:
--   { {0, usd"0.05"}, {100, usd"0.04"} }
-- costs 0.05 an hour at first and 0.04 from hour 100 of the session on.
--
-- To change a price on a running server: RULE CHECK session_runtime <this text>, then RULE LOAD with it, then
-- RULE ACTIVATE. Sessions that run keep the tariff they began with.

local per_hour = {
  free       = { small = usd"0.05",  medium = usd"0.075",  large = usd"0.10", gpu = usd"0.25"  },
  pro        = { small = usd"0.025", medium = usd"0.0375", large = usd"0.05", gpu = usd"0.125" },
  enterprise = { small = usd"0.01",  medium = usd"0.015",  large = usd"0.02", gpu = usd"0.05"  },
  admin      = { small = 0,          medium = 0,           large = 0,         gpu = 0          },
}

return function(user_type, tier, seconds_this_month)
  return per_hour[user_type][tier], per_hour.free[tier]
end
