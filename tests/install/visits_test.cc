#include "install/visits.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/install/visits_bench.h"

namespace imrelay {
namespace {

TEST_CASE("visits: an opening is proven as an installation, and the portal lives") {
  VisitsBench bench;
  bench.AnswerProof();

  const Result<Visitor> visitor = bench.InstallProving(bench.Opening());

  REQUIRE(visitor.has_value());
  CHECK(visitor->member_id.value() == "m1");
  CHECK(visitor->connector == "imrelay");
  CHECK(visitor->line == LineId(7));
  CHECK(visitor->language == "ru");
  CHECK(bench.Access().status == PortalStatus::kActive);
  CHECK(bench.Access().application == "");
  CHECK(bench.Show("SELECT event, status FROM events") == "PAGE_OPENED|applied");
  CHECK(bench.PortalOf("m1").token ==
        bench.keyring.Hash(Secret("app-token"), "application_token m1"));
  // Whatever the opening named.
  CHECK(bench.http.Urls() == std::vector<std::string>{kTokenUrl, kProfile});
  CHECK(bench.http.sent[0].body.find("client_id=our-id") != std::string::npos);
}

TEST_CASE("visits: the application of the path proves the opening") {
  VisitsBench bench;
  bench.AnswerProof();
  PageOpening opening = bench.Opening();
  opening.application = "shop";

  REQUIRE(bench.InstallProving(opening).has_value());

  CHECK(bench.http.sent[0].body.find("client_id=shop-id") != std::string::npos);
  CHECK(bench.Access().application == "shop");
  opening.application = "";
  CHECK(bench.WordOf(bench.visits.Admit(opening, kNoPatience)) == "refused: other_application");
  CHECK(bench.http.sent.size() == 2);
}

TEST_CASE("visits: an opening without an application_token leaves the portal the one it has") {
  VisitsBench bench;
  bench.Install("m1", 'a');
  bench.AnswerProof();
  PageOpening opening = bench.Opening();
  opening.application_token = Secret();

  REQUIRE(bench.InstallProving(opening).has_value());

  CHECK(bench.PortalOf("m1").token == StoreBench::Token('a'));
  CHECK(bench.keyring.Unseal(bench.Access().sealed_refresh_token, "refresh_token m1")->Reveal() ==
        "granted-r");
}

TEST_CASE("visits: who cannot prove it is refused with the proof's word, and nothing is kept") {
  struct Case {
    const char* word;
    int status;
    const char* grant;
    const char* profile;
  };
  const std::string grant =
      R"({"access_token":"a","refresh_token":"r","member_id":"m1",)"
      R"("client_endpoint":"https://m1.example/rest/","scope":"x","expires":4102444800})";
  const std::string other_member =
      R"({"access_token":"a","refresh_token":"r","member_id":"m2",)"
      R"("client_endpoint":"https://m1.example/rest/","scope":"x","expires":4102444800})";
  for (const Case& one :
       {Case{"refused: not_admin", 200, grant.c_str(), kUser},
        Case{"refused: member_mismatch", 200, other_member.c_str(), kAdmin},
        Case{"refused: invalid_grant", 400, R"({"error":"invalid_grant"})", ""}}) {
    CAPTURE(std::string(one.word));
    VisitsBench bench;
    bench.http.Answer(kTokenUrl, one.status, one.grant);
    bench.http.Answer(kProfile, 200, one.profile);

    CHECK(bench.WordOf(bench.InstallProving(bench.Opening())) == one.word);

    CHECK(bench.Show("SELECT count(*) FROM portals") == "0");
    for (const std::string& url : bench.http.Urls()) CHECK((url == kTokenUrl || url == kProfile));
  }
}

TEST_CASE("visits: an opening without tokens, or with too long ones, is refused unasked") {
  VisitsBench bench;
  PageOpening opening = bench.Opening();
  const auto install = [&] { return bench.WordOf(bench.visits.Install(opening, kPatience)); };

  opening.refresh_token = Secret();
  CHECK(install() == "refused: no_tokens");
  opening = bench.Opening();
  opening.access_token = Secret();
  CHECK(install() == "refused: no_tokens");
  opening.access_token = Secret(std::string(5000, 'x'));
  CHECK(install() == "refused: too_long");
  opening = bench.Opening();
  opening.member_id = MemberId(std::string(101, 'm'));
  CHECK(install() == "refused: too_long");

  CHECK(bench.http.sent.empty());
  CHECK(bench.Show("SELECT count(*) FROM events") == "0");
}

TEST_CASE("visits: what is not decided in time is told so, and counts when it is") {
  VisitsBench bench;
  bench.AnswerProof();

  CHECK(bench.WordOf(bench.visits.Install(bench.Opening(), kNoPatience)) == "later: waiting");
  CHECK(bench.WordOf(bench.visits.Install(bench.Opening(), milliseconds(60))) == "later: waiting");
  CHECK(bench.WordOf(bench.InstallProving(bench.Opening())) == "user 0");

  CHECK(bench.Show("SELECT event, status FROM events") == "PAGE_OPENED|applied");
}

TEST_CASE("visits: why a proof is postponed is told; a missing configuration is at once") {
  VisitsBench bench;
  PageOpening opening = bench.Opening();
  REQUIRE(bench.WordOf(bench.visits.Install(opening, kNoPatience)) == "later: waiting");
  REQUIRE(bench.prover.ProveOne().value());
  CHECK(bench.WordOf(bench.visits.Install(opening, kNoPatience)) == "later: unavailable");

  opening.application = "desk";
  CHECK(bench.WordOf(bench.InstallProving(opening)) == "later: not_configured");
}

TEST_CASE("visits: a reload is admitted by the portal, not by what it once proved") {
  VisitsBench bench;
  bench.AnswerProof();
  REQUIRE(bench.InstallProving(bench.Opening()).has_value());

  bench.AnswerVisit(kAdmin);
  CHECK(bench.WordOf(bench.InstallProving(bench.Opening())) == "user 7");
  bench.http.Answer(kProfile, 401, R"({"error":"invalid_token"})");
  CHECK(bench.InstallProving(bench.Opening()).error().reason == "already_installed");
  bench.MarkDead();
  bench.http.Answer(kProfile, 401, R"({"error":"invalid_token"})");
  CHECK(bench.WordOf(bench.InstallProving(bench.Opening())) == "refused: invalid_token");
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
  CHECK(bench.WordOf(bench.InstallProving(bench.Opening())) == "refused: uninstalled");

  CHECK(bench.Show("SELECT count(*) FROM events WHERE event = 'PAGE_OPENED'") == "1");
}

TEST_CASE("visits: only what was proven is said to be installed already") {
  VisitsBench bench;
  bench.Install("m1");
  for (int i = 0; i < 2; ++i) {
    bench.http.Answer(kTokenUrl, 400, R"({"error":"invalid_grant"})");
    CHECK(bench.WordOf(bench.InstallProving(bench.Opening("forged"))) == "refused: invalid_grant");
  }
}

TEST_CASE("visits: a portal's users come in when they may change connectors there") {
  VisitsBench bench;
  bench.Install("m1");
  const auto admit = [&] { return bench.WordOf(bench.visits.Admit(bench.Opening(), kNoPatience)); };

  bench.AnswerVisit(kAdmin);
  CHECK(admit() == "user 7");
  bench.AnswerVisit(kUser);
  CHECK(admit() == "user 8");
  bench.http.Answer(kProfile, 200, kUser);
  bench.http.Answer(kList, 400, R"({"error":"ACCESS_DENIED"})");
  CHECK(admit() == "refused: not_allowed");
  // A token that another application was given, without the right to connectors.
  bench.http.Answer(kProfile, 200, kAdmin);
  bench.http.Answer(kList, 401, R"({"error":"insufficient_scope"})");
  CHECK(admit() == "refused: not_allowed");
  bench.http.Answer(kProfile, 401, R"({"error":"expired_token"})");
  CHECK(admit() == "refused: expired_token");
  bench.http.Answer(kProfile, 302, "", {{"location", "https://attacker.example/rest/profile"}});
  CHECK(admit().starts_with("later: "));
  CHECK(admit().starts_with("later: "));  // nobody listens

  for (const HttpRequest& request : bench.http.sent) {
    CHECK((request.url == kProfile || request.url == kList || request.url == kAppInfo));
    CHECK(request.body.find("access-1") != std::string::npos);
    CHECK(request.body.find("refresh-1") == std::string::npos);
  }
}

TEST_CASE("visits: a token of another application or portal at the same address is refused") {
  VisitsBench bench;
  bench.Install("m1");
  const auto admit = [&](const std::string& client_id, const std::string& member_id) {
    bench.AnswerVisit(kAdmin);
    bench.AnswerOwner(client_id, member_id);
    return bench.WordOf(bench.visits.Admit(bench.Opening(), kNoPatience));
  };

  CHECK(admit("our-id", "m1") == "user 7");
  CHECK(admit("shop-id", "m1") == "refused: other_application");
  CHECK(admit("our-id", "m2") == "refused: member_mismatch");
  CHECK(admit("", "m1") == "refused: other_application");
}

TEST_CASE("visits: the authorization server's refusal counts, its silence does not") {
  const auto admit = [&](int status, const std::string& owner) {
    VisitsBench fresh;
    fresh.Install("m1");
    fresh.AnswerVisit(kAdmin);
    fresh.http.Answer(kAppInfo, status, owner);
    return fresh.WordOf(fresh.visits.Admit(fresh.Opening(), kNoPatience));
  };

  CHECK(admit(401, R"({"error":"expired_token"})") == "refused: expired_token");
  CHECK(admit(503, "") == "user 7");
  CHECK(admit(404, "<html>") == "user 7");
  CHECK(admit(404, R"({"error":"ERROR_METHOD_NOT_FOUND"})") == "user 7");
  CHECK(admit(200, R"({"result":{}})") == "user 7");
  CHECK(admit(200, R"({"result":{"install":{"uri":"https://m1.example"}}})") == "user 7");
}

TEST_CASE("visits: the authorization server is not asked about a token that the portal refuses") {
  VisitsBench bench;
  bench.Install("m1");
  bench.http.Answer(kProfile, 401, R"({"error":"invalid_token"})");

  CHECK(bench.WordOf(bench.visits.Admit(bench.Opening(), kNoPatience)) == "refused: invalid_token");

  CHECK(bench.http.Urls() == std::vector<std::string>{kProfile});
}

TEST_CASE("visits: nobody is asked about a portal that is unknown, unproven or uninstalled") {
  VisitsBench bench;
  const auto admit = [&] { return bench.WordOf(bench.visits.Admit(bench.Opening(), kPatience)); };

  CHECK(admit() == "refused: unknown_portal");
  const InstallationId waiting = bench.Post("m1", 'a');
  CHECK(admit() == "refused: unknown_portal");
  bench.Accept(waiting, "m1");
  PageOpening without = bench.Opening();
  without.access_token = Secret();
  CHECK(bench.WordOf(bench.visits.Admit(without, kPatience)) == "refused: no_tokens");
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
  CHECK(admit() == "refused: uninstalled");
  PageOpening other = bench.Opening();
  other.member_id = MemberId("m2");
  CHECK(bench.WordOf(bench.visits.Admit(other, kPatience)) == "refused: unknown_portal");

  CHECK(bench.http.sent.empty());
}

TEST_CASE("visits: opening a page of a dead portal heals it") {
  VisitsBench bench;
  bench.Install("m1");
  bench.MarkDead();
  bench.AnswerProof();

  const Result<Visitor> visitor =
      bench.Proving([&] { return bench.visits.Admit(bench.Opening(), kPatience); });

  CHECK(bench.WordOf(visitor) == "user 0");
  CHECK(bench.Access().status == PortalStatus::kActive);

  // Without a refresh token there is nothing to heal with; the visitor is who they are all the
  // same.
  bench.MarkDead();
  PageOpening opening = bench.Opening("2");
  opening.refresh_token = Secret();
  bench.AnswerVisit(kAdmin);
  CHECK(bench.WordOf(bench.visits.Admit(opening, kPatience)) == "user 7");
  CHECK(bench.Access().status == PortalStatus::kDead);
}

TEST_CASE("visits: a dead portal that cannot be healed still lets its people in") {
  VisitsBench bench;
  bench.Install("m1");
  bench.MarkDead();
  bench.http.Answer(kTokenUrl, 400, R"({"error":"invalid_grant"})");
  bench.AnswerVisit(kUser);
  const auto admit = [&](const PageOpening& opening) {
    return bench.WordOf(bench.Proving([&] { return bench.visits.Admit(opening, kPatience); }));
  };

  CHECK(admit(bench.Opening()) == "user 8");
  // The authorization server is away.
  bench.AnswerVisit(kUser);
  CHECK(bench.WordOf(bench.visits.Admit(bench.Opening("2"), kNoPatience)) == "user 8");
  // Nobody's tokens; those before are tried again first.
  bench.http.Answer(kTokenUrl, 400, R"({"error":"invalid_grant"})");
  bench.http.Answer(kTokenUrl, 400, R"({"error":"invalid_grant"})");
  bench.http.Answer(kProfile, 401, R"({"error":"invalid_token"})");
  CHECK(admit(bench.Opening("3")) == "refused: invalid_grant");
  CHECK(bench.Access().status == PortalStatus::kDead);
}

TEST_CASE("visits: two may wait for a proof; who comes then is told at once") {
  VisitsBench bench;
  std::string words[kProofsAwaited];
  std::vector<std::thread> waiting;
  for (int i = 0; i < kProofsAwaited; ++i) {
    waiting.emplace_back([&bench, &words, i] {
      words[i] = bench.WordOf(
          bench.visits.Install(bench.Opening("waits-" + std::to_string(i)), kPatience));
    });
  }
  while (bench.Show("SELECT count(*) FROM events") != std::to_string(kProofsAwaited)) {
    std::this_thread::sleep_for(milliseconds(1));
  }

  CHECK(bench.WordOf(bench.visits.Install(bench.Opening("third"), kPatience)) ==
        "later: too_many_waiting");

  for (int i = 0; i <= kProofsAwaited; ++i) {
    bench.http.Answer(kTokenUrl, 400, R"({"error":"invalid_grant"})");
    CHECK(bench.prover.ProveOne().value());
  }
  for (std::thread& one : waiting) one.join();
  for (const std::string& word : words) CHECK(word == "refused: invalid_grant");
  // There is room again.
  CHECK(bench.WordOf(bench.visits.Install(bench.Opening("4"), kNoPatience)) == "later: waiting");
}

TEST_CASE("visits: a forged opening heals and harms no portal") {
  VisitsBench bench;
  bench.Install("m1", 'a');
  const PortalAccess before = bench.Access();
  bench.http.Answer(kTokenUrl, 400, R"({"error":"invalid_grant"})");

  CHECK(bench.WordOf(bench.InstallProving(bench.Opening("forged"))) == "refused: invalid_grant");

  CHECK(bench.Access().status == PortalStatus::kActive);
  CHECK(bench.Access().chain == before.chain);
  CHECK(bench.PortalOf("m1").token == StoreBench::Token('a'));
}

TEST_CASE("visits: forged openings cannot make us use up what a portal takes") {
  VisitsBench bench;
  bench.Install("m1");
  std::size_t later = 0;
  for (std::size_t i = 0; i < kVisitsPerMinute + 5; ++i) {
    bench.http.Answer(kProfile, 401, R"({"error":"invalid_token"})");
    const auto visitor = bench.visits.Admit(bench.Opening(), kNoPatience);
    if (bench.WordOf(visitor) == "later: too_many_visits") ++later;
  }
  CHECK(later == 5);
  CHECK(bench.http.sent.size() == kVisitsPerMinute);

  bench.clock.Advance(minutes(1));
  CHECK(bench.WordOf(bench.visits.Admit(bench.Opening(), kNoPatience)) == "refused: invalid_token");
}

}  // namespace
}  // namespace imrelay
