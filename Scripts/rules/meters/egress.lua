-- What traffic out costs: ten gigabytes a month are free, then 0.09 dollars for each.
--
--   METER ADD egress UNIT GB SCALE 6
--   USAGE RECORD out-1 u_ada egress 0.25
--
-- With SCALE 6 the rule gets kilobytes: a gigabyte is 1000000. One kilobyte at 0.09 dollars a gigabyte is 90 billionths
-- of a dollar, exactly.

local gigabyte = 1000000
local free = 10 * gigabyte
local per_kilobyte = 90

local function billed(quantity) return math.max(quantity - free, 0) end

return function(user_type, quantity, quantity_this_month)
  return (billed(quantity_this_month + quantity) - billed(quantity_this_month)) * per_kilobyte
end
