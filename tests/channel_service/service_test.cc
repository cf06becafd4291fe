#include "tests/channel_service/service.h"

#include <doctest/doctest.h>
#include <httplib.h>

#include <ctime>

#include "codec/json.h"
#include "tests/channel_service/signature.h"

namespace imrelay::channel_service {
namespace {

// Of 24 bytes, "0123456789abcdefghijklmn".
constexpr const char* kSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

struct Bench {
  explicit Bench(const char* secret = "") : service(Service::Start({0, secret, 1})) {
    REQUIRE(service);
    client = std::make_unique<httplib::Client>(service->Url());
  }

  httplib::Result Call(const std::string& id, const std::string& type = "created",
                       const std::string& signature = {}) {
    const std::string body = R"({"type":"message.)" + type +
                             R"(","data":{"chat":{"id":"c"},"message":{},"im":{"message_id":1}}})";
    const std::string now = std::to_string(std::time(nullptr));
    const std::string right = "v1," + Sign(kSecret, id, now, body);
    return client->Post("/",
                        {{"webhook-id", id},
                         {"webhook-timestamp", now},
                         {"webhook-signature", signature.empty() ? right : signature}},
                        body, "application/json");
  }
  void Fault(const std::string& values) {
    CHECK(client->Post("/control/fault", '{' + values + '}', "application/json")->status == 200);
  }
  Tree Look(const std::string& what) {
    return ParseJson(client->Get("/control/" + what)->body).value();
  }

  std::unique_ptr<Service> service;
  std::unique_ptr<httplib::Client> client;
};

TEST_CASE("service: takes a call, and shows it") {
  Bench bench;

  CHECK(bench.Call("a")->body == R"({"message":{"ids":["ext-msg-005"]}})");
  CHECK(bench.Call("d", "deleted")->status == 200);

  const Tree log = ParseJson(R"({"log":)" + bench.client->Get("/control/log")->body + '}').value();
  CHECK(*log.Find("log")->items()[1].second.FindText("type") == "message.deleted");
  CHECK(*bench.Look("summary").FindText("violation_count") == "0");
}

TEST_CASE("service: a wrong signature is refused, and kept as a violation") {
  Bench bench(kSecret);

  CHECK(bench.Call("a")->status == 200);
  CHECK(bench.Call("b", "created", "v1,AAAA")->status == 401);
  CHECK(bench.Call("b", "created", "v1,AAAA v1,BBBB")->status == 401);
  CHECK(*bench.Look("summary").FindText("violation_count") == "2");
}

// Source: standard-webhooks, the test of its JavaScript library.
TEST_CASE("service: signs as the Standard Webhooks libraries do") {
  CHECK(Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
             R"({"test": 2432232314})") == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("service: spoils calls as planned, that often") {
  struct Case {
    const char* values;
    int status;  // 0: no answer
    bool carried_out;
  };
  const Case kCases[] = {
      {R"("mode":"down")", 0, false},      {R"("mode":"http500")", 500, false},
      {R"("mode":"html")", 502, false},    {R"("mode":"410")", 410, false},
      {R"("mode":"429")", 429, false},     {R"("mode":"503","retry_after":7)", 503, false},
      {R"("mode":"drop_after")", 0, true}, {R"("mode":"cut")", 0, true},
      {R"("mode":"empty")", 200, true},    {R"("mode":"slow","delay_ms":1)", 200, true},
      {R"("mode":"400")", 400, false},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.values);
    Bench bench;
    bench.Fault(one.values);
    bench.Fault(R"("mode":"down","type":"dialog.started")");

    const httplib::Result spoilt = bench.Call("a");
    CHECK((spoilt ? spoilt->status : 0) == one.status);
    if (spoilt && one.status == 503) CHECK(spoilt->get_header_value("Retry-After") == "7");
    const std::string sent = bench.client->Get("/control/chats")->body;
    CHECK((sent.find(R"("sent":true)") != sent.npos) == one.carried_out);
    CHECK(bench.Call("b", "deleted"));
  }
  Bench bench;
  CHECK(
      bench.client->Post("/control/fault", R"({"mode":"nonsense"})", "application/json")->status ==
      400);
}

TEST_CASE("service: faults by chance come in their share, until they are cleared") {
  Bench bench;
  bench.Fault(R"("mode":"http500","share":0.3)");
  bench.Fault(R"("mode":"503","share":0.3)");
  int spoilt[2] = {};
  for (int i = 0; i < 200; ++i) {
    const int status = bench.Call(std::to_string(i), "deleted")->status;
    if (status == 500) ++spoilt[0];
    if (status == 503) ++spoilt[1];
  }
  for (const int times : spoilt) {
    CHECK(times > 30);
    CHECK(times < 90);
  }
  CHECK(bench.client->Post("/control/clear", "{}", "application/json")->status == 200);
  for (int i = 0; i < 20; ++i) CHECK(bench.Call("c" + std::to_string(i))->status == 200);
}

}  // namespace
}  // namespace imrelay::channel_service
