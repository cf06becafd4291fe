#include "app/doctor_network.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using Level = Finding::Level;
using std::chrono::days;

// As a stranger answers; ours adds the proof to kOurs.
constexpr const char* kOk = R"({"status":"ok"})";
constexpr const char* kOurs = R"({"status":"ok","probe":"PROOF"})";

std::string ProofFor(const std::string& nonce) { return "proof of " + nonce; }
constexpr const char* kEvent = "https://relay.example.com/bitrix24/event";
constexpr const char* kPlain = "http://relay.example.com/bitrix24/event";

// A client that can answer with headers and a certificate's end, or a certificate's fault.
class OwnServers final : public HttpClient {
 public:
  std::map<std::string, Result<HttpResponse>> answers;  // by address, without the query
  std::vector<std::string> nonces;

  Result<HttpResponse> Send(const HttpRequest& request) override {
    CHECK(request.method == "GET");
    CHECK(request.body.empty());
    const std::size_t query = request.url.find('?');
    const auto found = answers.find(request.url.substr(0, query));
    if (found == answers.end()) return Fail(ErrorCode::kUnavailable, "host: nobody listens");
    Result<HttpResponse> answer = found->second;
    const std::size_t proof = answer ? answer->body.find("PROOF") : std::string::npos;
    if (proof == std::string::npos) return answer;
    REQUIRE(query != std::string::npos);
    const std::string name = "?probe=";
    REQUIRE(request.url.compare(query, name.size(), name) == 0);
    nonces.push_back(request.url.substr(query + name.size()));
    answer->body.replace(proof, 5, ProofFor(nonces.back()));
    return answer;
  }
};

constexpr auto kAsk = NetworkChecks::Database::kAsk;

struct Bench {
  OwnServers own;
  OwnServers servers;
  FakeClock clock;
  NetworkChecks checks{own, servers, clock, ProofFor};

  Findings Worker(const std::string& port) { return checks.Worker(StatusAddresses(port), kAsk); }
};

HttpResponse Answer(int status, std::string body, std::map<std::string, std::string> headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

TEST_CASE("doctor_network: a ready worker behind nginx is ok, at the first address that is ours") {
  Bench bench;
  bench.own.answers["http://127.0.0.1:8081/readyz"] = Answer(404, "<html>");
  bench.own.answers["http://127.0.0.1:8080/readyz"] = Answer(200, kOurs);

  const Findings findings = bench.Worker("");

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
  CHECK(findings[0].subject == "http://127.0.0.1:8080");
}

TEST_CASE("doctor_network: tells what is wrong between nginx and the worker") {
  const struct {
    std::optional<Result<HttpResponse>> answer;
    const char* found;
    const char* mend;
  } cases[] = {
      {Answer(503, R"({"error":"unavailable","message":"No worker answers"})"), "no worker",
       "systemctl restart imrelay.service"},
      {Answer(503, R"({"error":"not_ready","message":"locked"})"), "not ready: locked", "database"},
      {Answer(200, "<html>", {{"server", "Apache/2"}}),
       "somebody else answers (HTTP 200 of Apache/2)", "IMRELAY_PORT"},
      {Answer(200, kOk), "does not know this key file", "IMRELAY_PORT"},
      {Answer(200, R"({"status":"ok","probe":"proof of 0123"})"), "does not know this key file",
       "IMRELAY_PORT"},
      {Result<HttpResponse>(Fail(ErrorCode::kUnavailable, "host: Timeout", "no_reply")),
       "does not answer within 10 s", "systemctl restart imrelay.service"},
      {std::nullopt, "nobody listens", "systemctl status nginx"},
  };
  for (const auto& planted : cases) {
    CAPTURE(planted.found);
    Bench bench;
    if (planted.answer) bench.own.answers.emplace("http://127.0.0.1:9/readyz", *planted.answer);

    const Findings findings = bench.Worker("9");

    REQUIRE(findings.size() == 1);
    CHECK(findings[0].level == Level::kFail);
    CHECK_MESSAGE(findings[0].found.find(planted.found) != std::string::npos, findings[0].found);
    CHECK_MESSAGE(findings[0].mend.find(planted.mend) != std::string::npos, findings[0].mend);
  }
}

TEST_CASE("doctor_network: judges what answers at the public URL") {
  Bench now;
  const auto with_end = [&now](std::chrono::hours left) {
    HttpResponse response = Answer(200, kOurs);
    response.certificate_end = now.clock.Now() + left;
    return response;
  };
  const struct {
    Result<HttpResponse> answer;
    Level level;
    const char* found;
    const char* mend;
  } cases[] = {
      {with_end(days(60)), Level::kOk, "imrelay answers; the certificate is good until", ""},
      {with_end(days(13)), Level::kWarn, "the certificate is good until", "certbot renew"},
      {Answer(301, "", {{"location", "https://other.example.com/"}}), Level::kFail,
       "redirects to https://other.example.com/", "bitrix24.public_url"},
      {Answer(404, "<html>", {{"server", "nginx"}}), Level::kFail,
       "somebody else answers: HTTP 404 of nginx", "imrelay-locations.conf"},
      {Answer(200, kOk), Level::kFail, "does not know this key file", "with another key file"},
      {Fail(ErrorCode::kUnavailable, "host: Timeout", "no_reply"), Level::kFail,
       "does not answer within 10 s", "systemctl restart imrelay.service"},
      {Answer(200, "<html>"), Level::kFail, "somebody else answers: HTTP 200", "server block"},
      {Answer(503, R"({"error":"unavailable"})"), Level::kFail, "no worker", "systemctl"},
      {Answer(200, R"({"status":"spooling"})"), Level::kFail, "events wait on disk", "systemctl"},
      {Fail(ErrorCode::kUnavailable, "host: SSL", "certificate"), Level::kFail,
       "certificate is not trusted", "fullchain.pem"},
      {Fail(ErrorCode::kUnavailable, "host: Couldn't resolve"), Level::kFail,
       "cannot be reached from here (host: Couldn't resolve)", "curl -i"},
  };
  for (const auto& planted : cases) {
    CAPTURE(planted.found);
    Bench bench;
    bench.own.answers.emplace(kEvent, planted.answer);

    const Findings findings = bench.checks.PublicUrl(kEvent);

    REQUIRE(findings.size() == 1);
    CHECK(findings[0].level == planted.level);
    CHECK(findings[0].subject == kEvent);
    CHECK_MESSAGE(findings[0].found.find(planted.found) != std::string::npos, findings[0].found);
    CHECK_MESSAGE(findings[0].mend.find(planted.mend) != std::string::npos, findings[0].mend);
  }
}

TEST_CASE("doctor_network: asks with a nonce of its own each time") {
  Bench bench;
  bench.own.answers[kEvent] = Answer(200, kOurs);

  bench.checks.PublicUrl(kEvent);
  bench.checks.PublicUrl(kEvent);

  REQUIRE(bench.own.nonces.size() == 2);
  CHECK(bench.own.nonces[0] != bench.own.nonces[1]);
  for (const std::string& nonce : bench.own.nonces) {
    CHECK(nonce.size() == 32);
    CHECK(nonce.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

TEST_CASE("doctor_network: without the key file nobody is taken for this service") {
  Bench bench;
  NetworkChecks checks(bench.own, bench.servers, bench.clock, nullptr);
  bench.own.answers[kEvent] = Answer(200, kOk);
  bench.own.answers["http://127.0.0.1:9/readyz"] = Answer(200, kOk);

  for (const Finding& finding :
       {checks.PublicUrl(kEvent).front(), checks.Worker(StatusAddresses("9"), kAsk).front()}) {
    CHECK(finding.level == Level::kFail);
    CHECK(finding.mend == "see the check of the key");
  }
}

TEST_CASE("doctor_network: a database that cannot be written is not asked for") {
  Bench bench;
  bench.own.answers["http://127.0.0.1:9/healthz"] = Answer(200, kOurs);

  const Findings findings =
      bench.checks.Worker(StatusAddresses("9"), NetworkChecks::Database::kPassOver);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
}

TEST_CASE("doctor_network: a public URL that fails with the worker points to it") {
  const Result<HttpResponse> hung = Fail(ErrorCode::kUnavailable, "host: Timeout", "no_reply");
  const Result<HttpResponse> away = Answer(503, R"({"error":"unavailable"})");
  const Result<HttpResponse> spooling = Answer(200, R"({"status":"spooling"})");
  for (const auto& answer : {hung, away, spooling}) {
    Bench bench;
    bench.own.answers.emplace("http://127.0.0.1:9/readyz", answer);
    bench.own.answers.emplace(kEvent, answer);
    REQUIRE(bench.Worker("9").front().level == Level::kFail);

    CHECK(bench.checks.PublicUrl(kEvent).front().mend == "see the check of the worker first");
  }
}

TEST_CASE("doctor_network: an address that answers without TLS too is told") {
  Bench bench;
  bench.own.answers[kEvent] = Answer(200, kOurs);
  bench.own.answers[kPlain] = Answer(301, "");
  CHECK(bench.checks.PublicUrl(kEvent).size() == 1);
  bench.own.answers[kPlain] = Answer(200, kOurs);

  const Findings findings = bench.checks.PublicUrl(kEvent);

  REQUIRE(findings.size() == 2);
  CHECK(findings[1].level == Level::kWarn);
  CHECK(findings[1].subject == kPlain);
}

TEST_CASE("doctor_network: one authorization server of two that is away is a warning") {
  Bench bench;
  bench.servers.answers["https://a/oauth/token/"] = Answer(400, "{}");
  const Findings one = bench.checks.AuthorizationServers({"https://a", "https://b"});
  REQUIRE(one.size() == 2);
  CHECK(one[0].level == Level::kOk);
  CHECK(one[1].level == Level::kWarn);

  bench.servers.answers["https://a/oauth/token/"] = Answer(502, "<html>");
  const Findings both = bench.checks.AuthorizationServers({"https://a", "https://b"});
  CHECK(both[0].level == Level::kFail);
  CHECK(both[1].level == Level::kFail);
  // The one is there, so nothing keeps us from it.
  CHECK(both[0].mend.find("wait") != std::string::npos);
  CHECK(both[0].mend.find("firewall") == std::string::npos);
  CHECK(both[1].mend.find("firewall") != std::string::npos);
  CHECK(bench.own.answers.empty());
}

TEST_CASE("doctor_network: compares the clock with those of the servers") {
  const struct {
    std::chrono::seconds ahead;
    Level level;
    const char* found;
  } cases[] = {{std::chrono::seconds(0), Level::kOk, "it goes with"},
               {std::chrono::seconds(55), Level::kOk, "it goes with"},
               {std::chrono::seconds(90), Level::kWarn, "90 s ahead of https://a"},
               {std::chrono::seconds(-90), Level::kWarn, "90 s behind https://a"}};
  for (const auto& planted : cases) {
    CAPTURE(planted.ahead.count());
    Bench bench;
    bench.servers.answers["https://a/oauth/token/"] =
        Answer(400, "{}", {{"date", "Wed, 25 Nov 2026 12:00:00 GMT"}});
    bench.clock.Set(FromUnixSeconds(1'795'608'000) + planted.ahead);
    bench.checks.AuthorizationServers({"https://a"});

    const Findings findings = bench.checks.Clock();

    REQUIRE(findings.size() == 1);
    CHECK(findings[0].level == planted.level);
    CHECK_MESSAGE(findings[0].found.find(planted.found) != std::string::npos, findings[0].found);
  }
}

TEST_CASE("doctor_network: a clock that was never set is a failure") {
  Bench bench;
  bench.clock.Set(FromUnixSeconds(1000));

  CHECK(bench.checks.Clock().front().level == Level::kFail);
}

TEST_CASE("doctor_network: reads the date of an answer and nothing else") {
  CHECK(ParseHttpDate("Wed, 25 Nov 2026 12:00:00 GMT") == FromUnixSeconds(1'795'608'000));
  for (const char* wrong :
       {"", "yesterday", "Wed, 25 Nov 2026 12:00:00", "Wed, 25 Nov 2026 12:00:00 GMTx"}) {
    CHECK_FALSE(ParseHttpDate(wrong).has_value());
  }
}

TEST_CASE("doctor_network: a socket is ok while somebody listens on it") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("s");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);

  CHECK(CheckSocket(kWorkerSocket, path).front().level == Level::kFail);
  REQUIRE(listen(fd, 4) == 0);
  CHECK(CheckSocket(kWorkerSocket, path).front().level == Level::kOk);
  close(fd);
  CHECK(CheckSocket(kWorkerSocket, path).front().level == Level::kFail);
  const Finding none = CheckSocket(kSpoolerSocket, "").front();
  CHECK(none.level == Level::kWarn);
  CHECK(none.check == "spooler");
  CHECK(none.mend.find("imrelay-spooler.socket imrelay-spooler.service") != std::string::npos);
}

}  // namespace
}  // namespace imrelay
