-- wrk's part of the crowd: each connection asks for one page after another, and the end is one JSON line.
local requests = {}
local next = 0

function init(paths)
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path, { Host = wrk.headers.Host, ["User-Agent"] = "crowd", ["Accept-Encoding"] = "gzip" }) end
end

function request()
  next = next % #requests + 1
  return requests[next]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"bytes":%.0f,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"median":%.2f,"p99":%.2f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, e.connect, e.read, e.write, e.timeout, e.status,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
