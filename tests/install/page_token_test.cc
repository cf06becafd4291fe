#include <doctest/doctest.h>

#include <string>

#include "crypto/digest.h"
#include "tests/install/visits_bench.h"

// What the forms of a page bring back: who it was shown to.

namespace imrelay {
namespace {

const PageName kSettings{"settings", ""};

Visitor VisitorAt(const VisitsBench& bench) {
  return {MemberId("m1"), 7, "imrelay", LineId(12), "ru", bench.clock.Now() + kPageTokenLife};
}

TEST_CASE("page_token: a page's token brings its visitor back, for an hour") {
  VisitsBench bench;
  const Visitor visitor = VisitorAt(bench);
  const std::string token = bench.visits.Sign(visitor, kSettings);

  const Result<Visitor> back = bench.visits.Verify(token, kSettings);
  REQUIRE(back.has_value());
  CHECK(back->member_id == visitor.member_id);
  CHECK(back->user_id == 7);
  CHECK(back->connector == "imrelay");
  CHECK(back->line == LineId(12));
  CHECK(back->language == "ru");

  bench.clock.Advance(kPageTokenLife - seconds(1));
  CHECK(bench.visits.Verify(token, kSettings).has_value());
  bench.clock.Advance(seconds(1));
  CHECK(bench.WordOf(bench.visits.Verify(token, kSettings)) == "refused: page_token_expired");
}

TEST_CASE("page_token: signing anew, as after each action, does not make the hour longer") {
  VisitsBench bench;
  std::string token = bench.visits.Sign(VisitorAt(bench), kSettings);

  for (int i = 0; i < 5; ++i) {
    bench.clock.Advance(minutes(11));
    const Result<Visitor> visitor = bench.visits.Verify(token, kSettings);
    REQUIRE(visitor.has_value());
    token = bench.visits.Sign(*visitor, kSettings);
  }
  bench.clock.Advance(minutes(5));

  CHECK(bench.WordOf(bench.visits.Verify(token, kSettings)) == "refused: page_token_expired");
}

TEST_CASE("page_token: a visit lasts an hour from its opening") {
  VisitsBench bench;
  bench.Install("m1");
  bench.AnswerVisit(kAdmin);

  const Result<Visitor> visitor = bench.visits.Admit(bench.Opening(), kNoPatience);

  REQUIRE(visitor.has_value());
  CHECK(visitor->until == bench.clock.Now() + kPageTokenLife);
}

TEST_CASE("page_token: a token opens the page it was signed for, of that application") {
  VisitsBench bench;
  const std::string token = bench.visits.Sign(VisitorAt(bench), {"settings", "shop"});

  for (const PageName& page : {PageName{"install", "shop"}, PageName{"settings", ""},
                               PageName{"settings", "desk"}, PageName{"settingsshop", ""}}) {
    CHECK(bench.WordOf(bench.visits.Verify(token, page)) == "refused: other_page");
  }
  CHECK(bench.visits.Verify(token, {"settings", "shop"}).has_value());
}

TEST_CASE("page_token: whose page it was is known of a token that is good for nothing else") {
  VisitsBench bench;
  const std::string token = bench.visits.Sign(VisitorAt(bench), kSettings);
  bench.clock.Advance(kPageTokenLife * 2);

  CHECK(bench.visits.SignedFor(token) == MemberId("m1"));
  CHECK_FALSE(bench.visits.SignedFor("x").has_value());
  CHECK_FALSE(bench.visits.SignedFor("A" + token.substr(1)).has_value());
}

TEST_CASE("page_token: no other page's token passes") {
  VisitsBench bench;
  const std::string token = bench.visits.Sign(VisitorAt(bench), kSettings);
  const auto verify = [&](const std::string& forged) {
    return bench.WordOf(bench.visits.Verify(forged, kSettings));
  };

  for (std::size_t i = 0; i < token.size(); ++i) {
    CAPTURE(i);
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    CHECK(verify(forged) == "refused: bad_page_token");
  }
  for (const std::string& forged :
       {std::string(), std::string("x"), token + token, token.substr(4), std::string(5000, 'A')}) {
    CHECK(verify(forged) == "refused: bad_page_token");
  }
  // The same key file, another purpose.
  const std::string text = FromBase64(token)->substr(32);
  const TokenHash hash = bench.keyring.Hash(Secret(text), "application_token m1");
  CHECK(verify(Base64(std::string(hash.begin(), hash.end()) + text)) == "refused: bad_page_token");
  // Another key file.
  VisitsBench other;
  CHECK(other.WordOf(other.visits.Verify(token, kSettings)) == "refused: bad_page_token");
}

TEST_CASE("page_token: what a visitor claims cannot reach into another field of the token") {
  VisitsBench bench;
  const Visitor visitor{MemberId("m1"),
                        7,
                        "a2:m2" + std::string(1, '\0'),
                        LineId(1),
                        std::string(500, 'x'),
                        bench.clock.Now() + kPageTokenLife};

  const Result<Visitor> back =
      bench.visits.Verify(bench.visits.Sign(visitor, kSettings), kSettings);

  REQUIRE(back.has_value());
  CHECK(back->member_id == visitor.member_id);
  CHECK(back->connector == visitor.connector);
  CHECK(back->language == std::string(100, 'x'));
}

}  // namespace
}  // namespace imrelay
