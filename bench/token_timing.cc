// Whether the time of a refusal tells how much of a guessed application_token is right.
// Usage: imrelay-token-timing DIRECTORY ROUNDS
// In one run and in random order it measures wrong tokens of 32 bytes of which the first 0, 1, 15
// or 31 are right, and 0 once more, which shows what chance alone does; three ways: a whole event
// through ingest and a real database in DIRECTORY, the keyed hash and its comparison alone, and,
// to show that this would be seen, a comparison that stops at the first wrong byte.
// Prints "WAY RIGHT_BYTES NANOSECONDS" a line and round: the median of the round.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/await.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/keyring.h"
#include "ingest/ingest.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {
namespace {

constexpr const char* kMember = "bac1cd5c8940947a75e0d71b1a84e348";
constexpr std::string_view kToken = "831c76b092f9f135d9b6b36c3a720757";
constexpr std::array<std::size_t, 5> kRight{0, 1, 15, 31, 0};
constexpr int kSamples = 400;   // a class and round
constexpr int kRepeats = 2000;  // of what is too quick to be timed alone

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "imrelay-token-timing: %s\n", message.c_str());
  std::exit(1);
}

template <class T>
T Must(Result<T> result) {
  if (!result) Die(result.error().message);
  return *std::move(result);
}

std::string Guess(std::size_t right) {
  std::string guess(kToken);
  for (std::size_t i = right; i < guess.size(); ++i) guess[i] = guess[i] == 'f' ? '0' : 'f';
  return guess;
}

std::string Body(const char* event, std::string_view token, const std::string& data) {
  return std::string("event=") + event + "&ts=1773750000&auth[access_token]=a" + data +
         "&auth[member_id]=" + kMember + "&auth[application_token]=" + std::string(token);
}

Result<Committed> Receive(Ingest& ingest, const std::string& body) {
  Claimed claimed;
  return Await<Result<Committed>>([&](Ingest::Done done) {
    ingest.Receive(BodyFormat::kForm, body, {}, claimed, std::move(done));
  });
}

// A portal that is proven.
void Install(SqliteStore& store, Ingest& ingest, const Clock& clock) {
  Must(Receive(ingest, Body("ONAPPINSTALL", kToken, "&auth[refresh_token]=r")));
  const auto work = Must(store.TakeInstallation(clock.Now()));
  if (!work) Die("there is no installation to prove");
  ProvenInstallation proven;
  proven.client_endpoint = "https://some-domain.bitrix24.com/rest/";
  proven.domain = "some-domain.bitrix24.com";
  proven.sealed_access_token = proven.sealed_refresh_token = "sealed";
  const Status accepted = store.AcceptInstallation(work->id, proven, clock.Now());
  if (!accepted) Die(accepted.error().message);
}

using Try = std::function<void(const std::string& guess)>;

// One round of a way: every class kSamples times, all in random order.
void Measure(const char* way, int repeats, const Try& attempt, std::mt19937& random) {
  std::vector<std::size_t> order;
  for (std::size_t one = 0; one < kRight.size(); ++one) order.insert(order.end(), kSamples, one);
  std::shuffle(order.begin(), order.end(), random);
  std::array<std::string, kRight.size()> guesses;
  std::transform(kRight.begin(), kRight.end(), guesses.begin(), Guess);
  std::array<std::vector<double>, kRight.size()> taken;
  for (const std::size_t one : order) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; ++i) attempt(guesses[one]);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    taken[one].push_back(took.count() / repeats);
  }
  for (std::size_t one = 0; one < kRight.size(); ++one) {
    std::vector<double>& times = taken[one];
    std::nth_element(times.begin(), times.begin() + kSamples / 2, times.end());
    const char* again = one + 1 == kRight.size() ? " again" : "";
    std::printf("%s\t%zu%s\t%.2f\n", way, kRight[one], again, times[kSamples / 2]);
  }
}

// As nobody may do it.
bool EqualUntilWrong(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const volatile char left = a[i];  // so that no compiler makes it one comparison
    if (left != b[i]) return false;
  }
  return a.size() == b.size();
}

int Run(const std::string& directory, int rounds) {
  const SystemClock clock;
  const Keyring keyring = Must(Keyring::OpenOrCreate(directory + "/keys"));
  const std::unique_ptr<SqliteStore> store = Must(SqliteStore::Open(directory + "/imrelay.db"));
  Ingest ingest(*store, keyring, clock);
  Install(*store, ingest, clock);

  const Try whole = [&](const std::string& guess) {
    const Result<Committed> received = Receive(ingest, Body("ONAPPTEST", guess, "&data[a]=b"));
    if (received || received.error().reason != "wrong_token") Die("a guess was not refused");
  };
  const std::string purpose = std::string("application_token ") + kMember;
  const auto known = keyring.Hash(Secret(std::string(kToken)), purpose);
  const Try hashed = [&](const std::string& guess) {
    if (EqualInConstantTime(known, keyring.Hash(Secret(guess), purpose))) Die("a guess was right");
  };
  const Try plain = [&](const std::string& guess) {
    if (EqualUntilWrong(kToken, guess)) Die("a guess was right");
  };
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < rounds; ++round) {
    Measure("event", 1, whole, random);
    Measure("hash", kRepeats / 100, hashed, random);
    Measure("plain", kRepeats, plain, random);
  }
  return 0;
}

}  // namespace
}  // namespace imrelay

int main(int count, char** arguments) {
  if (count != 3 || std::atoi(arguments[2]) < 2) {
    std::fprintf(stderr, "usage: imrelay-token-timing DIRECTORY ROUNDS (2 at least)\n");
    return 2;
  }
  return imrelay::Run(arguments[1], std::atoi(arguments[2]));
}
