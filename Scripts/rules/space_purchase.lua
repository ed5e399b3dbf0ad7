-- What a ready-made space costs, once.
--
--   user_type   "free", "pro", "enterprise" or "admin"
--   space       the space's id in the catalogue, such as "ml-ready"
--   list_price  its price in the catalogue, an integer in billionths of a dollar
--   size_gb     its size, in whole GB
--
-- It returns the amount to charge, an integer in billionths of a dollar. Ten percent off for enterprise users:
--   if user_type == "enterprise" then return list_price - list_price // 10 end
-- (// divides integers; a plain / makes a floating-point number, which Florin refuses).

return function(user_type, space, list_price, size_gb)
  return list_price
end
