-- Sends the bodies of a file in turn, and prints what wrk counted as one line of JSON.
local bodies, turn, count = {}, 0, 0
local headers = {}
for line in io.lines(os.getenv("HEADERS")) do
  local name, value = line:match("^([^:]+): (.*)$")
  headers[name] = value
end
init = function()
  for line in io.lines(os.getenv("BODIES")) do
    count = count + 1
    bodies[count] = wrk.format("POST", os.getenv("TARGET"), headers, line)
  end
end
request = function()
  turn = turn % count + 1
  return bodies[turn]
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('JSON {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.read + errors.write + errors.connect + errors.timeout))
end
