-- How Florin bills the NASA Ames iPSC/860 log of the Parallel Workloads Archive:
--
--   florin import swf nasa-ipsc-1993.swf.gz --map Scripts/import/nasa.lua --connect localhost:7411
--
-- A map is a file that returns one function. It is called for every job of a log in the Standard Workload Format, with
-- the job's columns by name, all of them integers:
--
--   id submit wait run procs cpu mem req_procs req_time req_mem status user group app queue partition prev think
--   epoch   the header's UnixStartTime, to which submit is relative
--
-- It returns what to bill, or nil to leave the job out:
--
--   user     the ledger's user; created if it does not exist
--   type     "free", "pro", "enterprise" or "admin"; the same for all jobs of a user
--   tier     "small", "medium", "large" or "gpu"
--   seconds  how long the session ran, an integer
--   start    when it began, in seconds since 1970
--   session  the session's id; without it, SOURCE:id

local types = { [0] = "free", [1] = "pro", [2] = "enterprise" }

local function tier(procs)
  if procs <= 4 then return "small" end
  if procs <= 16 then return "medium" end
  if procs <= 64 then return "large" end
  return "gpu"
end

return function(job)
  return {
    user = "nasa-" .. job.user,
    type = job.group == 2 and "admin" or types[job.user % 3],  -- group 2 is system personnel
    tier = tier(job.procs),
    seconds = job.run,
    start = job.epoch + job.submit,  -- this log gives start times as submit times
  }
end
