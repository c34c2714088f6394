-- Asks for one path after another and ends in one JSON line. The paths come one a line from the file named in the first
-- argument; without it wrk's own URL is asked for.
local requests = {}
local position = 0

function init(arguments)
  if arguments[1] == nil then return end
  for path in io.lines(arguments[1]) do requests[#requests + 1] = wrk.format("GET", path) end
  request = function()
    position = position % #requests + 1
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
