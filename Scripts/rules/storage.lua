-- What a gigabyte of storage costs for a month.
--
--   user_type  "free", "pro", "enterprise" or "admin"
--   kind       "bucket" or "filestore"
--   gigabytes  the resource's size, in whole GB
--
-- It returns a rate in billionths of a dollar per GB and month (and may return a list rate, or steps, as
-- session_runtime.lua explains). A resource that lived for half of a month costs half; Florin does that
-- division, exactly, with the real length of the month.

local per_gb_month = {
  bucket    = usd"0.02",
  filestore = usd"0.17",
}

return function(user_type, kind, gigabytes)
  return per_gb_month[kind]
end
