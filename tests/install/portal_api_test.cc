#include "install/portal_api.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "tests/install/tokens_bench.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kCallUrl = "https://portal.example/rest/event.get";
constexpr const char* kNewCallUrl = "https://renamed.example/rest/event.get";
constexpr const char* kDone = R"({"result":["x"]})";

struct Bench : TokensBench {
  Bench() {
    Restart();
    InstallPortal();
    api.emplace(*tokens, calls, rate_limit, portals, clock,
                [this](milliseconds time) { clock.Advance(time); });
  }
  // "done", or the fault's number and the word.
  std::string Send(milliseconds patience = milliseconds(0)) {
    last = api->Send(MemberId("m1"), {"event.get"}, patience);
    if (last) return "done";
    static const char* const kFaults[] = {"token",   "moved",     "later",
                                          "removed", "forbidden", "permanent"};
    return kFaults[static_cast<std::size_t>(last.error().fault)] + (": " + last.error().word);
  }
  // How often the portal was called.
  std::size_t Calls() const { return CountOf(kCallUrl) + CountOf(kNewCallUrl); }
  std::size_t CountOf(const std::string& url) const {
    const std::vector<std::string> urls = http.Urls();
    return static_cast<std::size_t>(std::count(urls.begin(), urls.end(), url));
  }
  std::string TokenOf(std::size_t request) const {
    const std::string& body = http.sent.at(request).body;
    const std::size_t at = body.find("access-");
    return at == std::string::npos ? "none" : body.substr(at, 8);
  }

  PortalCalls calls{http, clock};
  RateLimit rate_limit{path() + "-calls", {2, 50}, clock};
  std::optional<PortalApi> api;
  CallResult last = FailCall({});
};

TEST_CASE("portal_api: sends with the portal's own token to its own address") {
  Bench bench;
  bench.http.Answer(kCallUrl, 200, kDone);

  CHECK(bench.Send() == "done");

  CHECK(bench.last->Find("result") != nullptr);
  CHECK(bench.TokenOf(0) == "access-0");
}

TEST_CASE("portal_api: a refused token is renewed once and the call repeated") {
  for (const char* word : {"expired_token", "invalid_token"}) {
    CAPTURE(word);
    Bench bench;
    bench.http.Answer(kCallUrl, 401, std::string(R"({"error":")") + word + R"("})");
    bench.http.Answer(kCallUrl, 200, kDone);
    bench.Grant("1");

    CHECK(bench.Send() == "done");

    CHECK(bench.http.Urls() ==
          std::vector<std::string>{kCallUrl, TokensBench::kTokenUrl, kCallUrl});
    CHECK(bench.TokenOf(2) == "access-1");
  }
}

TEST_CASE("portal_api: a fresh token that is refused is nothing that another would mend") {
  Bench bench;
  bench.http.Answer(kCallUrl, 401, R"({"error":"expired_token"})");
  bench.http.Answer(kCallUrl, 401, R"({"error":"expired_token"})");
  bench.Grant("1");
  bench.Grant("2");

  CHECK(bench.Send() == "later: expired_token");
  CHECK(bench.CountOf(TokensBench::kTokenUrl) == 1);
}

TEST_CASE("portal_api: a renamed portal loses no call, and the Location is never called") {
  Bench bench;
  bench.http.Answer(kCallUrl, 302, "", {{"location", "https://attacker.example/rest/event.get"}});
  bench.Grant("1", "m1", "https://renamed.example/rest/");
  bench.http.Answer(kNewCallUrl, 200, kDone);

  CHECK(bench.Send() == "done");

  CHECK(bench.http.Urls() ==
        std::vector<std::string>{kCallUrl, TokensBench::kTokenUrl, kNewCallUrl});
  CHECK(bench.Row().domain == "renamed.example");
  bench.http.Answer(kNewCallUrl, 200, kDone);
  CHECK(bench.Send() == "done");
  CHECK(bench.CountOf(TokensBench::kTokenUrl) == 1);
}

TEST_CASE("portal_api: one that redirects from its present address is for later") {
  Bench bench;
  for (int i = 0; i < 9; ++i) bench.http.Answer(kCallUrl, 302, "", {{"location", kNewCallUrl}});
  bench.Grant("1");
  bench.Grant("2");

  const std::string word = bench.Send(seconds(3));
  CHECK(word.starts_with("later: "));
  // The authorization server is not asked at every repeat.
  CHECK(bench.CountOf(TokensBench::kTokenUrl) == 1);
  CHECK(bench.CountOf(kNewCallUrl) == 0);
}

TEST_CASE("portal_api: a rename is found out although the authorization server was away first") {
  Bench bench;
  bench.http.Answer(kCallUrl, 302, "");
  bench.http.Answer(TokensBench::kTokenUrl, 500, "");
  bench.http.Answer(kCallUrl, 302, "");
  bench.Grant("1", "m1", "https://renamed.example/rest/");
  bench.http.Answer(kNewCallUrl, 200, kDone);

  CHECK(bench.Send(minutes(1)) == "done");
}

TEST_CASE("portal_api: what passes is repeated while patience lasts") {
  Bench bench;
  bench.http.FailWith(kCallUrl, ErrorCode::kUnavailable);
  bench.http.Answer(kCallUrl, 502, "<html>");
  bench.http.Answer(kCallUrl, 200, kDone);
  const TimePoint begun = bench.clock.Now();

  CHECK(bench.Send(minutes(1)) == "done");

  CHECK(bench.Calls() == 3);
  CHECK(bench.clock.Now() > begun);
  CHECK(bench.clock.Now() < begun + seconds(2));
}

TEST_CASE("portal_api: without patience nothing waits, and no time is guessed") {
  Bench bench;
  bench.http.Answer(kCallUrl, 502, "<html>");
  const TimePoint begun = bench.clock.Now();

  CHECK(bench.Send() == "later: no_answer");

  CHECK(bench.clock.Now() == begun);
  CHECK_FALSE(bench.last.error().not_before.has_value());
  CHECK_FALSE(bench.last.error().unsent);
  CHECK(bench.Calls() == 1);
}

TEST_CASE("portal_api: patience ends where the portal stays away") {
  Bench bench;
  const TimePoint begun = bench.clock.Now();

  CHECK(bench.Send(seconds(20)) == "later: no_answer");

  CHECK(bench.clock.Now() <= begun + seconds(20));
  CHECK(bench.Calls() > 3);
  CHECK(bench.Calls() < 20);
}

TEST_CASE("portal_api: the portal's own time is waited for, or told") {
  Bench bench;
  bench.http.Answer(kCallUrl, 503, R"({"error":"INTERNAL_SERVER_ERROR"})", {{"retry-after", "30"}});
  bench.http.Answer(kCallUrl, 200, kDone);
  const TimePoint begun = bench.clock.Now();
  CHECK(bench.Send(minutes(1)) == "done");
  CHECK(bench.clock.Now() >= begun + seconds(30));

  bench.http.Answer(kCallUrl, 503, R"({"error":"INTERNAL_SERVER_ERROR"})", {{"retry-after", "30"}});
  CHECK(bench.Send(seconds(10)) == "later: internal_server_error");
  CHECK(bench.last.error().not_before >= bench.clock.Now() + seconds(30));
}

TEST_CASE("portal_api: a method that used up its time waits alone") {
  Bench bench;
  const std::int64_t reset = UnixSeconds(bench.clock.Now()) + 300;
  bench.http.Answer(kCallUrl, 429,
                    R"({"error":"OPERATION_TIME_LIMIT","time":{"operating_reset_at":)" +
                        std::to_string(reset) + "}}");
  CHECK(bench.Send() == "later: operation_time_limit");
  bench.http.Answer("https://portal.example/rest/profile", 200, kDone);
  bench.http.Answer(kCallUrl, 200, kDone);

  CHECK(bench.Send() == "later: operation_time_limit");
  CHECK(bench.Calls() == 1);
  CHECK(bench.last.error().not_before == FromUnixSeconds(reset));
  CHECK(bench.api->Send(MemberId("m1"), {"profile"}, milliseconds(0)).has_value());
  bench.clock.Advance(seconds(301));
  CHECK(bench.Send() == "done");
}

TEST_CASE("portal_api: a method is not blocked by a clock that was set back since") {
  Bench bench;
  bench.http.Answer(kCallUrl, 429, R"({"error":"OPERATION_TIME_LIMIT"})");
  bench.http.Answer(kCallUrl, 200, kDone);
  CHECK(bench.Send() == "later: operation_time_limit");

  bench.clock.Advance(-hours(24));
  CHECK(bench.Send() == "done");
}

TEST_CASE("portal_api: a portal that complains of too many calls gets none for a while") {
  for (const char* word : {"QUERY_LIMIT_EXCEEDED", "OVERLOAD_LIMIT"}) {
    CAPTURE(word);
    Bench bench;
    bench.http.Answer(kCallUrl, 503, std::string(R"({"error":")") + word + R"("})");
    bench.http.Answer(kCallUrl, 200, kDone);
    CHECK(bench.Send().starts_with("later: "));

    CHECK(bench.Send().starts_with("later: "));
    CHECK(bench.Calls() == 1);
    bench.clock.Advance(hours(2));
    bench.Grant("1");
    CHECK(bench.Send() == "done");
  }
}

TEST_CASE("portal_api: calls wait for their place in the rate limit") {
  Bench bench;
  for (int i = 0; i < 60; ++i) bench.http.Answer(kCallUrl, 200, kDone);
  const TimePoint begun = bench.clock.Now();
  for (int i = 0; i < 50; ++i) CHECK(bench.Send() == "done");
  CHECK(bench.clock.Now() == begun);

  CHECK(bench.Send().starts_with("later: "));
  CHECK(bench.Calls() == 50);
  for (int i = 0; i < 4; ++i) CHECK(bench.Send(seconds(10)) == "done");
  CHECK(bench.clock.Now() >= begun + milliseconds(1900));
  CHECK(bench.clock.Now() <= begun + milliseconds(2100));
}

TEST_CASE("portal_api: an application that is gone there is uninstalled here") {
  Bench bench;
  bench.http.Answer(kCallUrl, 401, R"({"error":"APPLICATION_NOT_FOUND"})");

  CHECK(bench.Send().starts_with("removed: "));

  CHECK(bench.Row().status == PortalStatus::kUninstalled);
  CHECK(bench.Send() == "forbidden: uninstalled");
  CHECK(bench.Calls() == 1);
}

TEST_CASE("portal_api: a portal that is closed for a while stays installed") {
  Bench bench;
  bench.http.Answer(kCallUrl, 403, R"({"error":"PORTAL_DELETED"})");

  CHECK(bench.Send().starts_with("forbidden: "));

  CHECK(bench.Row().status == PortalStatus::kActive);
}

// An installation is accepted while the call with the former tokens is under way.
struct InstalledMeanwhile : ForwardingPortalStore {
  using ForwardingPortalStore::ForwardingPortalStore;
  Status MarkUninstalled(PortalId portal, std::int64_t chain, TimePoint now) override {
    install();
    return ForwardingPortalStore::MarkUninstalled(portal, chain, now);
  }
  std::function<void()> install;
};

TEST_CASE("portal_api: one that was installed anew meanwhile is not uninstalled") {
  Bench bench;
  InstalledMeanwhile store(bench.portals);
  store.install = [&] {
    bench.Accept(bench.Post("m1", 'b'), "m1", "access-9", "refresh-9",
                 "https://portal.example/rest/");
  };
  bench.api.emplace(*bench.tokens, bench.calls, bench.rate_limit, store, bench.clock,
                    [&bench](milliseconds time) { bench.clock.Advance(time); });
  bench.http.Answer(kCallUrl, 401, R"({"error":"APPLICATION_NOT_FOUND"})");
  bench.http.Answer(kCallUrl, 200, kDone);

  CHECK(bench.Send(seconds(10)) == "done");

  CHECK(bench.Row().status == PortalStatus::kActive);
  CHECK(bench.TokenOf(1) == "access-9");
}

TEST_CASE("portal_api: what repeating does not help comes back at once") {
  for (const auto& [body, word] : std::vector<std::pair<const char*, const char*>>{
           {R"({"error":"insufficient_scope"})", "forbidden: insufficient_scope"},
           {R"({"error":"ERROR_ARGUMENT"})", "permanent: error_argument"}}) {
    Bench bench;
    bench.http.Answer(kCallUrl, 400, body);

    CHECK(bench.Send(minutes(1)) == word);
    CHECK(bench.Calls() == 1);
  }
}

TEST_CASE("portal_api: the tokens' own errors say what to do") {
  Bench bench;
  CHECK(bench.api->Send(MemberId("m9"), {"event.get"}, seconds(1)).error().word ==
        "unknown_portal");
  bench.clock.Advance(hours(2));
  bench.http.Answer(TokensBench::kTokenUrl, 401, R"({"error":"invalid_client"})");
  CHECK(bench.Send() == "forbidden: invalid_client");
  bench.http.Answer(TokensBench::kTokenUrl, 500, "");
  CHECK(bench.Send() == "later: no_answer");
  bench.http.Answer(TokensBench::kTokenUrl, 400, R"({"error":"invalid_grant"})");
  CHECK(bench.Send() == "forbidden: token_dead");
  CHECK(bench.Calls() == 0);
}

}  // namespace
}  // namespace imrelay
