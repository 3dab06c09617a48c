-- Walks through files of signed requests, one file for each thread of wrk, each to an address of its own.
-- The environment says where: BENCH_REQUESTS (the files' common beginning), BENCH_NODES, BENCH_REPORT.
-- There is no response(): wrk counts answers that are not 2xx or 3xx by itself, and without that function
-- it hands no answer to Lua, which would cost more than all the rest.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
  local nodes = {}
  for host, port in os.getenv("BENCH_NODES"):gmatch("([^:,]+):(%d+)") do
    table.insert(nodes, wrk.lookup(host, port)[1])
  end
  thread.addr = nodes[#threads]
end

function init()
  local file = assert(io.open(os.getenv("BENCH_REQUESTS") .. number, "rb"))
  requests = {}
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    table.insert(requests, file:read(length))
  end
  file:close()
  count, position, used = #requests, 0, 0
end

function request()
  used = used + 1
  position = position % count + 1
  return requests[position]
end

function done(summary, latency)
  local walked = 0
  for _, thread in ipairs(threads) do
    walked = math.max(walked, thread:get("used") / thread:get("count"))
  end
  local errors = summary.errors
  local report = assert(io.open(os.getenv("BENCH_REPORT"), "w"))
  report:write(string.format(
    '{"requests":%d,"microseconds":%d,"walked":%.6f,"p50_us":%d,"p99_us":%d,"max_us":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}',
    summary.requests, summary.duration, walked, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
  report:close()
end
