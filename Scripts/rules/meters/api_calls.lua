-- What calls of an interface cost: fewer cents each, the more there were in the month.
--
--   METER ADD api_calls UNIT calls
--   RULE LOAD meter:api_calls <this text>, then RULE ACTIVATE meter:api_calls 1
--   USAGE RECORD req-1 u_ada api_calls 1200
--
--   user_type            "free", "pro", "enterprise" or "admin"
--   quantity             the calls to be billed now
--   quantity_this_month  the user's calls in this UTC month that were billed before
--
-- It returns an amount in billionths of a dollar. What lies in two steps is cut there, so it makes no difference
-- whether calls are billed one by one or a million at a time.

local steps = {
  { from = 0,        price = usd"0.000002"  },
  { from = 1000000,  price = usd"0.0000015" },
  { from = 10000000, price = usd"0.000001"  },
}

return function(user_type, quantity, quantity_this_month)
  local first, last = quantity_this_month, quantity_this_month + quantity
  local amount = 0
  for index, step in ipairs(steps) do
    local next_step = steps[index + 1]
    local low = math.max(first, step.from)
    local high = next_step and math.min(last, next_step.from) or last
    if low < high then amount = amount + (high - low) * step.price end
  end
  return amount
end
