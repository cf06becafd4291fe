-- wrk: deletion events as Bitrix24 sends them, about 1.2 KB, each with ids of its own, over 500
-- chats. BENCH_MEMBER, BENCH_TOKEN: the portal; BENCH_FIRST: where message ids begin.
local threads = 0
function setup(thread)
  thread:set("index", threads)
  threads = threads + 1
end

local member = os.getenv("BENCH_MEMBER") or "bac1cd5c8940947a75e0d71b1a84e348"
local token = os.getenv("BENCH_TOKEN") or "831c76b092f9f135d9b6b36c3a720757"
local first = tonumber(os.getenv("BENCH_FIRST") or "1")
local count = 0

local head = "event=ONIMCONNECTORMESSAGEDELETE&event_handler_id=559" ..
  "&data%5BCONNECTOR%5D=myconnector&data%5BLINE%5D=107"
local element = "&data%5BMESSAGES%5D%5B0%5D"
local tail = "&auth%5Baccess_token%5D=5b00844001b0007cd181977d455de630432" ..
  "&auth%5Bexpires%5D=1773764178&auth%5Bexpires_in%5D=3600" ..
  "&auth%5Bscope%5D=imconnector%2Cimopenlines%2Cim%2Cuser%2Cplacement%2Ccrm%2Cdisk%2Ctask" ..
  "%2Cimbot%2Ctelephony%2Cbizproc%2Ccalendar%2Centity%2Clog%2Cpull%2Cmobile%2Cmessageservice" ..
  "&auth%5Bdomain%5D=some-domain-with-a-longer-name.bitrix24.com" ..
  "&auth%5Bserver_endpoint%5D=https%3A%2F%2Foauth.bitrix.info%2Frest%2F&auth%5Bstatus%5D=F" ..
  "&auth%5Bclient_endpoint%5D=https%3A%2F%2Fsome-domain-with-a-longer-name.bitrix24.com%2Frest%2F" ..
  "&auth%5Bmember_id%5D=" .. member .. "&auth%5Buser_id%5D=27" ..
  "&auth%5Bapplication_token%5D=" .. token

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"

function request()
  count = count + 1
  local id = first + index * 100000000 + count
  local chat = id % 500
  local body = head .. element .. "%5Bim%5D%5Bchat_id%5D=" .. (1800 + chat) ..
    element .. "%5Bim%5D%5Bmessage_id%5D=" .. string.format("%d", id) ..
    element .. "%5Bmessage%5D%5Bid%5D=ext-msg-" .. string.format("%d", id) ..
    element .. "%5Bchat%5D%5Bid%5D=channel-" .. chat .. "&ts=" .. os.time() .. tail
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %.3f %.3f %.3f %d\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout +
    summary.errors.status))
end
