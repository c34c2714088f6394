-- Asks for the targets of a file, one a line, and ends in one JSON line. The second argument 'once' ends the run after
-- the last target; else it starts over. Without a file wrk's own URL is asked for. (No HEAD: wrk would wait for the body.)
local requests = {}
local position = 0
local once = false

-- wrk itself sleeps until its time is over, so whoever started it interrupts it after this line.
local function finish()
  wrk.thread:stop()
  io.write("the last request has been sent\n")
  io.flush()
end

function init(arguments)
  if arguments[1] == nil then return end
  for line in io.lines(arguments[1]) do requests[#requests + 1] = wrk.format("GET", line) end
  once = arguments[2] == "once"
  request = function()
    position = position + 1
    if position > #requests then
      if once then finish() end
      position = 1
    end
    return requests[position]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"bytes":%.0f,"failed":%d,"p50":%.3f,"p99":%.3f,"p999":%.3f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000))
end
