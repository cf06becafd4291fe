-- wrk: deletion.form with ids of its own in every post. From the environment, BENCH_…:
-- MEMBER, TOKEN: the portal. FIRST: the number of the first post; no number may come twice.
-- CASE: fresh, message ids that grow, over 500 chats; known, messages of fill.sql; unknown,
-- messages that fill.sql left out. MESSAGES: how many fill.sql made.
local threads = {}
function setup(thread)
  thread:set("index", #threads)
  table.insert(threads, thread)
end

local case = os.getenv("BENCH_CASE")
local first = tonumber(os.getenv("BENCH_FIRST"))
local messages = tonumber(os.getenv("BENCH_MESSAGES"))
count, bytes = 0, 0  -- global: done() asks for them

local file = assert(io.open(os.getenv("BENCH_BODY")))
local body = file:read("*a"):gsub("%s+$", "")
  :gsub("{member}", os.getenv("BENCH_MEMBER")):gsub("{token}", os.getenv("BENCH_TOKEN"))
file:close()
-- The texts between the places, and what stands in each.
local piece, place, rest = {}, {}, 1
for from, name, to in body:gmatch("(){(%a+)}()") do
  table.insert(piece, body:sub(rest, from - 1))
  table.insert(place, name)
  rest = to
end
table.insert(piece, body:sub(rest))

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"

local function word(number, factor)
  return number * factor % 4294967296
end

-- The ids of the post of this number. A filled mapping is visited in strides that meet every
-- message once before any comes twice.
local function ids(number)
  if case == "fresh" then
    return 1800 + number % 500, number, string.format("ext-msg-%d", number)
  end
  local i = number * 7368787 % messages
  local chat = 1800 + i * 7919 % (messages / 100)
  local a, b = word(i, 362436069), word(i, 521288629)
  if case == "known" then return chat, 1000000 + 3 * i, string.format("%08x%08x", a, b) end
  return chat, 1000001 + 3 * i, string.format("%08x%08x", b, a)
end

function request()
  -- wrk's two threads take turns.
  local number = first + 2 * count + index
  count = count + 1
  local value = {ts = os.time()}
  value.chat, value.message, value.external = ids(number)
  local text = {piece[1]}
  for i, name in ipairs(place) do
    text[2 * i] = value[name]
    text[2 * i + 1] = piece[i + 1]
  end
  text = table.concat(text)
  bytes = #text
  return wrk.format(nil, nil, nil, text)
end

function done(summary, latency)
  local errors, most = summary.errors, 0
  for _, thread in ipairs(threads) do most = math.max(most, thread:get("count")) end
  io.write(string.format("RESULT %d %d %.3f %.3f %.3f %d %d %d %d\n", summary.requests,
    summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    threads[1]:get("bytes"), 2 * most))
end
