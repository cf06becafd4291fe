#include <doctest/doctest.h>

#include <string>

#include "crypto/digest.h"
#include "tests/install/visits_bench.h"

// What the forms of a page bring back: who it was shown to.

namespace imrelay {
namespace {

TEST_CASE("page_token: a page's token brings its visitor back, for an hour") {
  VisitsBench bench;
  const Visitor visitor{MemberId("m1"), 7, "imrelay", LineId(12), "ru"};
  const std::string token = bench.visits.Sign(visitor);

  const Result<Visitor> back = bench.visits.Verify(token);
  REQUIRE(back.has_value());
  CHECK(back->member_id == visitor.member_id);
  CHECK(back->user_id == 7);
  CHECK(back->connector == "imrelay");
  CHECK(back->line == LineId(12));
  CHECK(back->language == "ru");

  bench.clock.Advance(kPageTokenLife - seconds(1));
  CHECK(bench.visits.Verify(token).has_value());
  bench.clock.Advance(seconds(1));
  CHECK(bench.WordOf(bench.visits.Verify(token)) == "refused: page_token_expired");
}

TEST_CASE("page_token: no other page's token passes") {
  VisitsBench bench;
  const std::string token = bench.visits.Sign({MemberId("m1"), 7, "imrelay", LineId(12), "ru"});
  const auto verify = [&](const std::string& forged) {
    return bench.WordOf(bench.visits.Verify(forged));
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
  CHECK(other.WordOf(other.visits.Verify(token)) == "refused: bad_page_token");
}

TEST_CASE("page_token: what a visitor claims cannot reach into another field of the token") {
  VisitsBench bench;
  const Visitor visitor{MemberId("m1"), 7, "a2:m2" + std::string(1, '\0'), LineId(1),
                        std::string(500, 'x')};

  const Result<Visitor> back = bench.visits.Verify(bench.visits.Sign(visitor));

  REQUIRE(back.has_value());
  CHECK(back->member_id == visitor.member_id);
  CHECK(back->connector == visitor.connector);
  CHECK(back->language == std::string(100, 'x'));
}

}  // namespace
}  // namespace imrelay
