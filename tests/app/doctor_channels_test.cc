#include "app/doctor_channels.h"

#include <doctest/doctest.h>

#include "tests/app/config_bench.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

using Level = Finding::Level;

// One answer to everything; remembers what was asked.
class Service final : public HttpClient {
 public:
  Result<HttpResponse> Send(const HttpRequest& request) override {
    sent.push_back(request);
    return answer;
  }
  Result<HttpResponse> answer = HttpResponse{405, {}, {}};
  std::vector<HttpRequest> sent;
};

const Finding* Find(const Findings& findings, const std::string& subject) {
  for (const Finding& finding : findings) {
    if (finding.subject == subject) return &finding;
  }
  return nullptr;
}

constexpr const char* kWhole =
    "[channel]\nurl = \"https://c.example/hook?token=hush\"\nkey = \"0123456789abcdef\"\n"
    "secret = \"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"\n";

TEST_CASE("doctor channels: what is not given is warned of, with the mend") {
  ConfigBench bench;

  CHECK(CheckChannelSettings(bench.Loaded(kWhole)).empty());
  const Findings nothing = CheckChannelSettings(bench.Loaded(""));
  REQUIRE(nothing.size() == 1);
  CHECK(nothing[0].subject == "channel.url");
  CHECK(nothing[0].level == Level::kWarn);
  const Findings url = CheckChannelSettings(bench.Loaded("[channel]\nurl = \"https://c.example\""));
  REQUIRE(Find(url, "channel.secret") != nullptr);
  CHECK(Contains(Find(url, "channel.secret")->mend, "echo whsec_$(openssl rand -base64 32)"));
  REQUIRE(Find(url, "channel.key") != nullptr);
  // Every line has its own: the unnamed one is not missed.
  const Findings line = CheckChannelSettings(
      bench.Loaded("[[line]]\nname = \"a\"\nline = 1\ntype = \"telegram\"\ntoken = \"1:x\""));
  REQUIRE(line.size() == 2);
  CHECK(Find(line, "line.a.key") != nullptr);
  REQUIRE(Find(line, "line.a.type") != nullptr);
  CHECK(Contains(Find(line, "line.a.type")->found, "portal and line are not both given"));
  const Findings both = CheckChannelSettings(
      bench.Loaded("[[line]]\nname = \"a\"\nline = 1\nportal = \"p\"\ntype = \"telegram\"\ntoken = "
                   "\"1:x\"\nkey = \"0123456789abcdef\""));
  CHECK(both.empty());
}

TEST_CASE("doctor channels: a service that answers anything is reached, without a secret") {
  ConfigBench bench;
  Service service;

  const Findings findings = CheckChannelServices(bench.Loaded(kWhole), service, FakeClock());

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
  CHECK(findings[0].subject == "default: https://c.example/hook");
  REQUIRE(service.sent.size() == 1);
  CHECK(service.sent[0].method == "HEAD");
  CHECK(service.sent[0].url == "https://c.example/hook");
  CHECK(service.sent[0].headers.empty());
}

TEST_CASE("doctor channels: a service that is away, or whose certificate is bad, is broken") {
  ConfigBench bench;
  const Config config = bench.Loaded(kWhole);
  const FakeClock clock;
  Service service;
  const auto finding = [&] { return CheckChannelServices(config, service, clock).at(0); };

  service.answer = Fail(ErrorCode::kUnavailable, "c.example: nobody listens");
  CHECK(finding().level == Level::kFail);
  CHECK(Contains(finding().mend, "channel.url"));
  service.answer = Fail(ErrorCode::kUnavailable, "c.example: not trusted", "certificate");
  CHECK(Contains(finding().mend, "certificate"));
  service.answer = HttpResponse{200, {}, {}, clock.Now() + std::chrono::days(3)};
  CHECK(finding().level == Level::kWarn);
  CHECK(Contains(finding().found, "its certificate ends at"));
  service.answer = HttpResponse{200, {}, {}, clock.Now() + std::chrono::days(30)};
  CHECK(finding().level == Level::kOk);
}

TEST_CASE("doctor channels: a bot's token is tried, and not shown") {
  ConfigBench bench;
  Service service;
  const Config config = bench.Loaded(
      "[channel]\ntype = \"telegram\"\ntoken = \"110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw\"");
  const auto finding = [&](Result<HttpResponse> answer) {
    service.answer = std::move(answer);
    const Finding found = CheckChannelServices(config, service, FakeClock()).at(0);
    CHECK(found.subject == "default: https://api.telegram.org");
    CHECK_FALSE(Contains(found.found + found.mend, "AAHdq"));
    return found.level;
  };

  CHECK(finding(HttpResponse{200, {}, R"({"ok":true})"}) == Level::kOk);
  CHECK(service.sent[0].method == "GET");
  CHECK(Contains(service.sent[0].url, "/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe"));
  CHECK(finding(HttpResponse{401, {}, {}}) == Level::kFail);
  CHECK(finding(HttpResponse{404, {}, {}}) == Level::kFail);
  CHECK(finding(HttpResponse{502, {}, {}}) == Level::kWarn);
  CHECK(finding(Fail(ErrorCode::kUnavailable, "api.telegram.org: nobody")) == Level::kFail);
}

}  // namespace
}  // namespace imrelay
