-- Sends the bodies of a file in turn, and prints what wrk counted as one line of JSON.
-- With CHECK set, answers that have errors are counted too; that costs the load's core, so only slow queries are checked.
local threads = {}
local bodies, turn, count = {}, 0, 0
local headers = {}
wrong = 0
for line in io.lines(os.getenv("HEADERS")) do
  local name, value = line:match("^([^:]+): (.*)$")
  headers[name] = value
end
setup = function(thread)
  threads[#threads + 1] = thread
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
if os.getenv("CHECK") then
  response = function(_, _, body)
    if body:find('"errors":', 1, true) then wrong = wrong + 1 end
  end
end
done = function(summary, latency)
  local errors, partial = summary.errors, 0
  for _, thread in ipairs(threads) do partial = partial + thread:get("wrong") end
  io.write(string.format(
    'JSON {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d,"partial":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.read + errors.write + errors.connect + errors.timeout, partial))
end
