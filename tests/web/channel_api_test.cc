#include "web/channel_api.h"

#include <doctest/doctest.h>

#include "tests/web/channel_api_bench.h"

namespace imrelay {
namespace {

constexpr const char* kHello =
    R"({"line":107,"chat":{"id":"c1"},"user":{"id":"u1"},"message":{"id":"m1","text":"hello"}})";

std::string OnLine(int line) {
  return R"({"line":)" + std::to_string(line) +
         R"(,"chat":{"id":"c1"},"user":{"id":"u1"},"message":{"id":"m1","text":"hello"}})";
}

TEST_CASE("channel api: a message is queued for its line") {
  ChannelApiBench bench;

  const Response response = bench.Post("messages", kHello);

  CHECK(response.status == 202);
  CHECK(response.body == R"({"delivery":1})");
  REQUIRE(bench.channels.incoming.size() == 1);
  const IncomingMessage& message = bench.channels.incoming[0];
  CHECK(message.kind == kind::kIncomingCreated);
  CHECK(message.member_id == MemberId("p1"));
  CHECK(message.place.connector == ConnectorId("conn"));
  CHECK(message.place.line == LineId(107));
  CHECK(message.place.external_chat_id == ExternalChatId("c1"));
  CHECK(message.external_message_id == ExternalMessageId("m1"));
  CHECK(Contains(message.payload, R"("text":"hello")"));
}

TEST_CASE("channel api: edits and deletions are queued as such") {
  ChannelApiBench bench;

  CHECK(bench.Post("messages/update", kHello).status == 202);
  CHECK(bench.Post("messages/delete", R"({"line":107,"chat":{"id":"c1"},"message":{"id":"m1"}})")
            .status == 202);

  REQUIRE(bench.channels.incoming.size() == 2);
  CHECK(bench.channels.incoming[0].kind == kind::kIncomingUpdated);
  CHECK(bench.channels.incoming[1].kind == kind::kIncomingDeleted);
}

TEST_CASE("channel api: late ids name a message") {
  ChannelApiBench bench;

  const Response response =
      bench.Post("messages/confirm",
                 R"({"line":"107","im":{"message_id":86501},"message":{"ids":["a","b"]}})");

  CHECK(response.status == 200);
  CHECK(response.body == R"({"delivery":1})");
  REQUIRE(bench.channels.named.size() == 1);
  CHECK(bench.channels.named[0].line == LineId(107));
  CHECK(bench.channels.named[0].message == MessageId(86501));
  CHECK(bench.channels.named[0].ids == std::vector{ExternalMessageId("a"), ExternalMessageId("b")});
}

TEST_CASE("channel api: nobody gets in without a channel's key") {
  ChannelApiBench bench;
  for (const char* authorization :
       {"", "Bearer", "Bearer ", "Bearer wrong", "Basic unnamed-unnamed-unnamed",
        "unnamed-unnamed-unnamed", "Bearer  unnamed-unnamed-unnamed",
        "Bearer unnamed-unnamed-unnamed ", "Bearer unnamed-unnamed-unname"}) {
    CAPTURE(std::string(authorization));
    Request request = ChannelApiBench::RequestOf("GET", "messages?message_id=1");
    request.headers["authorization"] = authorization;

    const Response response = bench.Handle(request);

    CHECK(response.status == 401);
    CHECK(ErrorOf(response) == "unauthorized");
    REQUIRE(HeaderOf(response, "WWW-Authenticate") != nullptr);
    CHECK(*HeaderOf(response, "WWW-Authenticate") == "Bearer realm=\"imrelay\"");
  }
  Request request = ChannelApiBench::RequestOf("POST", "nothing");
  request.headers.clear();
  CHECK(bench.Handle(request).status == 401);
}

TEST_CASE("channel api: a channel reaches its own lines only") {
  ChannelApiBench bench;
  const auto post = [&](const char* key, int line) {
    const Response response = bench.PostAs(key, "messages", OnLine(line));
    return response.status == 403 ? ErrorOf(response) : std::to_string(response.status);
  };

  CHECK(post(ChannelApiBench::kUnnamedKey, 107) == "202");
  CHECK(post(ChannelApiBench::kUnnamedKey, 7) == "wrong_line");
  CHECK(post(ChannelApiBench::kUnnamedKey, 8) == "wrong_line");
  CHECK(post(ChannelApiBench::kDeskKey, 7) == "202");
  CHECK(post(ChannelApiBench::kDeskKey, 107) == "wrong_line");
  const std::string elsewhere =
      R"({"portal":"p2","line":7,"im":{"message_id":1},"message":{"ids":["a"]}})";
  CHECK(bench.PostAs(ChannelApiBench::kDeskKey, "messages/confirm", elsewhere).status == 403);
  CHECK(bench.channels.named.empty());
}

TEST_CASE("channel api: what a channel has one of need not be named") {
  ChannelApiBench bench;
  const std::string unnamed =
      R"({"chat":{"id":"c1"},"user":{"id":"u"},"message":{"id":"m","text":"x"}})";

  CHECK(bench.PostAs(ChannelApiBench::kDeskKey, "messages", unnamed).status == 202);
  CHECK(ErrorOf(bench.Post("messages", unnamed)) == "invalid_field");
  CHECK(bench.channels.incoming[0].place.line == LineId(7));

  bench.Install("p2");
  const Response response = bench.Post("messages", kHello);
  CHECK(response.status == 400);
  CHECK(Contains(response.body, "The field portal must be given"));
  CHECK(bench.PostAs(ChannelApiBench::kDeskKey, "messages", unnamed).status == 202);
  bench.portals.rows.clear();
  CHECK(ErrorOf(bench.Post("messages", kHello)) == "unknown_portal");
}

TEST_CASE("channel api: a portal and a connector are named in any case") {
  ChannelApiBench bench;
  bench.Install("p2");

  bench.Post("messages", R"({"portal":"P2","connector":"Other","line":7,"chat":{"id":"c"},)"
                         R"("user":{"id":"u"},"message":{"id":"m","text":"x"}})");

  REQUIRE(bench.channels.incoming.size() == 1);
  CHECK(bench.channels.incoming[0].member_id == MemberId("p2"));
  CHECK(bench.channels.incoming[0].place.connector == ConnectorId("other"));
}

TEST_CASE("channel api: a repeated key gives the first answer, one with another content none") {
  ChannelApiBench bench;

  CHECK(bench.Post("messages", kHello, "k1").body == R"({"delivery":1})");
  const Response again = bench.Post("messages", kHello, "k1");
  CHECK(again.status == 200);
  CHECK(again.body == R"({"delivery":1,"repeated":true})");
  CHECK(bench.channels.incoming.size() == 1);
  const Response other = bench.Post("messages", OnLine(1), "k1");
  CHECK(other.status == 409);
  CHECK(ErrorOf(other) == "idempotency_key");
  // The same body at another path is another request, and another channel's key another key.
  CHECK(bench.Post("messages/update", kHello, "k1").status == 409);
  Request request = ChannelApiBench::RequestOf("POST", "messages");
  request.content_type = "application/json";
  request.body = OnLine(7);
  request.headers["idempotency-key"] = "k1";
  request.headers["authorization"] = std::string("Bearer ") + ChannelApiBench::kDeskKey;
  CHECK(bench.Handle(request).status == 202);
  CHECK(bench.Post("messages", OnLine(2), std::string(200, 'k')).status == 202);
  CHECK(ErrorOf(bench.Post("messages", OnLine(2), std::string(201, 'k'))) == "invalid_field");
  CHECK(bench.Post("messages", OnLine(2), "k\x01").status == 400);
}

TEST_CASE("channel api: a body is JSON, whole and not too large") {
  ChannelApiBench bench;
  const auto post = [&](const auto& change) {
    Request request = ChannelApiBench::RequestOf("POST", "messages");
    request.content_type = "application/json";
    request.body = kHello;
    change(request);
    const Response response = bench.Handle(request);
    return std::to_string(response.status) + ' ' + ErrorOf(response);
  };
  using State = Request::BodyState;

  CHECK(post([](Request& r) { r.content_type = "application/x-www-form-urlencoded"; }) ==
        "415 unsupported_media_type");
  CHECK(post([](Request& r) { r.content_type = ""; }) == "415 unsupported_media_type");
  CHECK(post([](Request& r) { r.body_state = State::kNoLength; }) == "411 length_required");
  CHECK(post([](Request& r) { r.body_state = State::kTooLarge; }) == "413 body_too_large");
  CHECK(post([](Request& r) { r.body_state = State::kCut; }) == "400 incomplete_body");
  CHECK(post([](Request& r) { r.body = "{"; }) == "400 bad_json");
  CHECK(post([](Request& r) { r.body = ""; }) == "400 bad_json");
  CHECK(post([](Request& r) { r.body = "[]"; }) == "400 bad_json");
  CHECK(post([](Request& r) { r.body = std::string(17, '[') + std::string(17, ']'); }) ==
        "400 bad_json");
  CHECK(post([](Request& r) { r.body = "{}"; }) == "400 invalid_field");
  CHECK(bench.channels.incoming.empty());
}

TEST_CASE("channel api: paths and methods are those of the page") {
  ChannelApiBench bench;
  const auto status = [&](const char* method, const char* path) {
    Request request = ChannelApiBench::RequestOf(method, path);
    request.content_type = "application/json";
    request.body = "{}";
    const Response response = bench.Handle(request);
    const std::string* allow = HeaderOf(response, "Allow");
    return std::to_string(response.status) + (allow == nullptr ? "" : ' ' + *allow);
  };

  for (const char* path : {"", "message", "messages/", "messages/x", "deliveries", "../messages"}) {
    CAPTURE(std::string(path));
    CHECK(status("POST", path) == "404");
  }
  CHECK(status("DELETE", "messages") == "405 GET, POST");
  CHECK(status("GET", "messages/update") == "405 POST");
  CHECK(status("POST", "deliveries/1") == "405 GET");
  CHECK(status("ET", "messages") == "405 GET, POST");
}

TEST_CASE("channel api: what the store refuses is answered as HTTP means it") {
  ChannelApiBench bench;
  const auto answer = [&](ErrorCode code, const char* reason) {
    bench.channels.fault = Error{code, "a sentence", reason};
    const Response response = bench.Post("messages", kHello);
    return std::to_string(response.status) + ' ' + ErrorOf(response);
  };

  CHECK(answer(ErrorCode::kNotFound, "unknown_message") == "404 unknown_message");
  CHECK(answer(ErrorCode::kConflict, "uninstalled") == "409 uninstalled");
  CHECK(answer(ErrorCode::kConflict, "known_ids") == "409 known_ids");
  CHECK(answer(ErrorCode::kUnavailable, "") == "503 unavailable");
  CHECK(answer(ErrorCode::kInternal, "") == "500 internal");
  CHECK(answer(ErrorCode::kInvalidArgument, "") == "500 internal");
  bench.channels.fault.reset();
  bench.pool.Stop();
  const Response late = bench.Post("messages", kHello);
  CHECK(late.status == 503);
  CHECK(HeaderOf(late, "Retry-After") != nullptr);
}

TEST_CASE("channel api: the mapping is found both ways, of the own lines") {
  ChannelApiBench bench;
  bench.table.columns = {"member_id", "connector", "line_id", "message_id", "external_message_id"};
  for (const char* line : {"7", "107"}) {
    bench.table.rows.push_back(
        {{"p1", false}, {"conn", false}, {line, true}, {"86501", true}, {std::nullopt, false}});
  }

  const Response response =
      bench.Get("messages?external_message_id=a%20b&external_chat_id=c1&portal=P1");

  CHECK(response.status == 200);
  CHECK(response.body == R"({"messages":[{"member_id":"p1","connector":"conn","line_id":107,)"
                         R"("message_id":86501,"external_message_id":null}]})");
  CHECK(bench.asked.what == ReportQuery::What::kMessages);
  CHECK(bench.asked.external_message_id == "a b");
  CHECK(bench.asked.external_chat_id == "c1");
  CHECK(bench.asked.member_id == "p1");
  CHECK(Contains(bench.Get("messages?message_id=86501", ChannelApiBench::kDeskKey).body,
                 R"("line_id":7,)"));
  CHECK(bench.asked.message_id == 86501);
  CHECK(bench.Get("messages?message_id=1").body.size() > 0);
  for (const char* wrong : {"", "?x=1", "?message_id=x", "?message_id=-1",
                            "?message_id=", "?portal=p1", "?message_id=99999999999999999999"}) {
    CAPTURE(std::string(wrong));
    CHECK(ErrorOf(bench.Get(std::string("messages") + wrong)) == "invalid_field");
  }
}

TEST_CASE("channel api: at most fifty rows are told") {
  ChannelApiBench bench;
  bench.table.columns = {"member_id", "connector", "line_id"};
  for (int i = 0; i < 60; ++i) {
    bench.table.rows.push_back({{"p1", false}, {"conn", false}, {"107", true}});
  }

  const std::string body = bench.Get("messages?external_chat_id=c").body;

  std::size_t rows = 0;
  for (std::size_t at = body.find("line_id"); at != body.npos; at = body.find("line_id", at + 1)) {
    ++rows;
  }
  CHECK(rows == 50);
}

TEST_CASE("channel api: the own rows are found behind many of other channels") {
  ChannelApiBench bench;
  bench.table.columns = {"member_id", "connector", "line_id", "message_id"};
  for (int i = 0; i < 1000; ++i) {
    bench.table.rows.push_back({{"p1", false}, {"conn", false}, {"7", true}, {"1", true}});
  }
  Table longer = bench.table;
  longer.rows.push_back({{"p1", false}, {"conn", false}, {"107", true}, {"86501", true}});
  bench.store.report = [&](const ReportQuery& query) -> Result<Table> {
    bench.asked = query;
    return query.limit > 1000 ? longer : bench.table;
  };

  CHECK(Contains(bench.Get("messages?external_message_id=1").body, "86501"));

  // A channel with a line of its own asks for that one.
  bench.Get("messages?external_message_id=1", ChannelApiBench::kDeskKey);
  CHECK(bench.asked.member_id == "p1");
  CHECK(bench.asked.line_id == 7);
}

TEST_CASE("channel api: a delivery is shown to its own channel") {
  ChannelApiBench bench;
  bench.table.columns = {"id",    "member_id", "connector", "line_id",   "kind",
                         "state", "attempts",  "payload",   "last_error"};
  bench.table.rows = {{{"12", true},
                       {"p1", false},
                       {"conn", false},
                       {"107", true},
                       {"incoming.created", false},
                       {"failed", false},
                       {"3", true},
                       {"hush", false},
                       {"refused", false}}};

  CHECK(
      bench.Get("deliveries/12").body ==
      R"({"id":12,"kind":"incoming.created","state":"failed","attempts":3,"last_error":"refused"})");
  CHECK(bench.asked.what == ReportQuery::What::kDelivery);
  CHECK(bench.asked.delivery_id == 12);
  CHECK(ErrorOf(bench.Get("deliveries/12", ChannelApiBench::kDeskKey)) == "unknown_delivery");
  bench.table.rows.clear();
  for (const char* path : {"deliveries/13", "deliveries/", "deliveries/x", "deliveries/1/2",
                           "deliveries/-1", "deliveries/0"}) {
    CAPTURE(std::string(path));
    CHECK(bench.Get(path).status == 404);
  }
}

TEST_CASE("channel api: requests are counted and logged without a key or a text") {
  ChannelApiBench bench;

  bench.Post("messages", kHello);
  Request request = ChannelApiBench::RequestOf("POST", "messages");
  request.headers["authorization"] = "Bearer hush-hush-hush";
  bench.Handle(request);

  const std::string metrics = MetricsText({});
  CHECK(Contains(metrics, R"(imrelay_channel_requests_total{path="messages",status="202"})"));
  CHECK(Contains(metrics, R"(imrelay_channel_requests_total{path="messages",status="401"})"));
  const std::string log = bench.log.text();
  CHECK(Contains(log, "channel request"));
  CHECK(Contains(log, "channel=default"));
  for (const char* secret : {ChannelApiBench::kUnnamedKey, "hush", "hello"}) {
    CHECK_FALSE(Contains(log, secret));
  }
}

}  // namespace
}  // namespace imrelay
