-- Sends the requests of a file and ends in one JSON line. A line of the file is a target, or METHOD, target, Cookie and
-- User-Agent with tabs between them. The second argument 'once' ends the run after the last line; else it starts over.
-- Without a file wrk's own URL is asked for.
local requests = {}
local position = 0
local once = false

local function format(line)
  local method, target, cookie, agent = line:match("^(%u+)\t(%S+)\t([^\t]*)\t(.*)$")
  if method == nil then return wrk.format("GET", line) end
  local fields = { Host = wrk.headers.Host, ["User-Agent"] = agent }
  if cookie ~= "" then fields.Cookie = cookie end
  return wrk.format(method, target, fields)
end

-- wrk itself sleeps until its time is over, so whoever started it interrupts it after this line.
local function finish()
  wrk.thread:stop()
  io.write("the last request has been sent\n")
  io.flush()
end

function init(arguments)
  if arguments[1] == nil then return end
  for line in io.lines(arguments[1]) do requests[#requests + 1] = format(line) end
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
