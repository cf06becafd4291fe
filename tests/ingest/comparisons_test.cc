#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/crypto/counted_comparisons.h"
#include "tests/ingest/ingest_bench.h"

// Tokens are compared by their keyed hashes, in constant time, and always as many of them: what can
// be asserted of time without measuring it (scripts/bench --only timing measures it).

namespace imrelay {
namespace {

using Lengths = std::vector<std::size_t>;

const std::string kRight = "831c76b092f9f135d9b6b36c3a720757";
const std::string kFormer = "f31c76b092f9f135d9b6b36c3a720751";

Lengths LengthsOf(IngestBench& bench, const std::string& token, const std::string& refusal) {
  static std::int64_t number = 0;
  Posted posted{"ONIMCONNECTORMESSAGEADD", DataOf(++number)};
  posted.token = token;
  TakeComparisons();
  CHECK(bench.Post(posted) == refusal);
  return TakeComparisons();
}

TEST_CASE("comparisons: as many whole hashes for every wrong token, however much of it is right") {
  IngestBench bench;
  bench.InstallPortal(kFormer, 1773748800);
  bench.InstallPortal(kRight, 1773748801);
  bench.PostInstall("waiting-1", 1773748802);
  bench.PostInstall("waiting-2", 1773748803);

  const Lengths of_nothing_right = LengthsOf(bench, std::string(32, 'x'), "wrong_token");

  // The present one, the former one and both that wait, once at least.
  CHECK(of_nothing_right.size() >= 4);
  CHECK(std::all_of(of_nothing_right.begin(), of_nothing_right.end(),
                    [](std::size_t length) { return length == 32; }));
  for (const std::size_t right : {1U, 15U, 31U}) {
    CAPTURE(right);
    std::string guess = kRight;
    std::fill(guess.begin() + static_cast<std::ptrdiff_t>(right), guess.end(), 'x');
    CHECK(LengthsOf(bench, guess, "wrong_token") == of_nothing_right);
  }
  for (const std::string& guess : {kRight + "x", kRight.substr(0, 31), std::string("x"),
                                   std::string(500, 'x'), kFormer.substr(0, 31) + "x"}) {
    CAPTURE(guess);
    CHECK(LengthsOf(bench, guess, "wrong_token") == of_nothing_right);
  }
}

TEST_CASE("comparisons: none is left out when an earlier one matches") {
  IngestBench bench;
  bench.InstallPortal(kFormer, 1773748800);
  bench.InstallPortal(kRight, 1773748801);
  bench.PostInstall("waiting-1", 1773748802);

  const Lengths former = LengthsOf(bench, kFormer, "accepted");
  const Lengths waiting = LengthsOf(bench, "waiting-1", "accepted");

  CHECK(former.size() >= 3);
  CHECK(former == waiting);
}

}  // namespace
}  // namespace imrelay
