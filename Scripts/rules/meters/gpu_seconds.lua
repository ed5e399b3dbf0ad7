-- What seconds of a graphics processor cost, by the user's type.
--
--   METER ADD gpu_seconds UNIT seconds SCALE 3
--   USAGE RECORD run-1 u_ada gpu_seconds 12.345
--
-- With SCALE 3 the rule gets thousandths: 12.345 seconds are 12345. So prices are those of a thousandth of a second, in
-- billionths of a dollar: 200 is 0.0002 dollars a second, 0.72 an hour.

local per_millisecond = { free = 200, pro = 150, enterprise = 100, admin = 0 }

return function(user_type, quantity, quantity_this_month)
  return quantity * per_millisecond[user_type]
end
