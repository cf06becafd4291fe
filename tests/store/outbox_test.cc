#include "store/outbox.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/store/outbox_bench.h"

namespace imrelay {
namespace {

constexpr LeaseHolder kOther = 22;

std::string StateOf(OutboxBench& bench, const Delivery& delivery) {
  return bench.Show("SELECT state FROM deliveries WHERE id = " +
                    std::to_string(delivery.id.value()));
}

TEST_CASE("outbox: what is ready is taken up once, with all its sender has to know") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(5)) == "accepted");

  const Result<std::vector<ReadyQueue>> ready = bench.outbox().FindReady(Target::kChannel);
  REQUIRE(ready.has_value());
  REQUIRE(ready->size() == 1);
  CHECK(ready->front().member_id.value() == "m1");
  CHECK(ready->front().connector.value() == "conn");
  CHECK(ready->front().line.value() == 7);
  CHECK(ready->front().due == bench.clock.Now());
  const std::vector<Delivery> taken = bench.Take();

  REQUIRE(taken.size() == 1);
  const Delivery& delivery = taken.front();
  CHECK(delivery.kind == "message.created");
  CHECK(delivery.member_id.value() == "m1");
  CHECK(delivery.portal_status == PortalStatus::kActive);
  CHECK(delivery.connector.value() == "conn");
  CHECK(delivery.line.value() == 7);
  CHECK(delivery.external_chat_id.value() == "chat-1");
  CHECK(delivery.chat_id.value() == 1807);
  CHECK(delivery.message_id == MessageId(5));
  CHECK_FALSE(delivery.external_message_id.has_value());
  CHECK(delivery.payload == R"({"text":"hello"})");
  CHECK(delivery.attempts == 0);
  CHECK_FALSE(delivery.first_attempt_at.has_value());
  CHECK(delivery.message_created_at == bench.clock.Now());
  CHECK(delivery.direction == Direction::kOut);
  CHECK_FALSE(delivery.message_deleted);
  const std::string own = bench.Show("SELECT value FROM setting WHERE name = 'database_id'");
  CHECK(delivery.key == own + "-" + std::to_string(delivery.id.value()) + "-1773748800");
  CHECK(bench.Take().empty());
}

TEST_CASE("outbox: the oldest of a chat first, chats beside each other, a turn for each queue") {
  OutboxBench bench;
  for (int i = 1; i <= 3; ++i) REQUIRE(bench.Do("m1", Created(i)) == "accepted");
  REQUIRE(bench.Do("m1", Created(4, PlaceOf("conn", 7, "chat-2"))) == "accepted");
  REQUIRE(bench.Do("m1", Created(5, PlaceOf("conn", 8, "chat-1"))) == "accepted");
  // The same chat, where Bitrix24's number of it is not told.
  REQUIRE(bench.Do("m1", DialogChanged{PlaceOf(), false, "{}"}) == "accepted");

  std::vector<Delivery> first = bench.Take();
  REQUIRE(first.size() == 3);
  CHECK(first[0].message_id == MessageId(1));
  CHECK(first[1].message_id == MessageId(4));
  CHECK(first[2].message_id == MessageId(5));
  CHECK(bench.Take().empty());
  bench.Done(first[0]);
  const Delivery second = bench.TakeOne();
  CHECK(second.message_id == MessageId(2));
  bench.Done(second);
  bench.Done(bench.TakeOne());
  CHECK(bench.TakeOne().kind == "dialog.finished");
}

TEST_CASE("outbox: what is given back untried is as it was before") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.Settle(bench.Later(bench.TakeOne()));
  bench.clock.Advance(std::chrono::seconds(1));
  Settlement back;
  back.id = bench.TakeOne().id;
  back.verdict = Settlement::Verdict::kLater;
  back.due = bench.clock.Now();

  bench.Settle(back);

  CHECK(bench.Show("SELECT state, attempts, last_error IS NULL, maybe_done FROM delivery "
                   "WHERE delivery_id = " +
                   std::to_string(back.id.value())) == "pending|1|0|0");
  CHECK(bench.TakeOne().id == back.id);
}

TEST_CASE("outbox: what failed for now is due later, counted, and blocks its chat") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  const Delivery delivery = bench.TakeOne();
  Settlement later = bench.Later(delivery);
  later.attempt->http_status = 500;
  later.attempt->answer = "no";
  bench.Settle(later);

  CHECK(bench.Take().empty());
  CHECK(bench.Show("SELECT state, attempts, last_error, due_at FROM deliveries WHERE id = " +
                   std::to_string(delivery.id.value())) ==
        "pending|1|the channel answered 500|2026-03-17T12:00:01Z");
  bench.clock.Advance(std::chrono::seconds(1));
  const Delivery again = bench.TakeOne();

  CHECK(again.key == delivery.key);
  CHECK(again.attempts == 1);
  CHECK(again.first_attempt_at == bench.clock.Now() - std::chrono::seconds(1));
  bench.Done(again, {"a"});
  CHECK(bench.Show("SELECT number, http_status, result, answer, took_ms FROM attempt "
                   "WHERE delivery_id = " +
                   std::to_string(delivery.id.value()) + " ORDER BY 1") ==
        "1|500|later|no|20\n2|200|done|NULL|20");
  CHECK(bench.Show("SELECT state, last_error, finished_at IS NULL, payload FROM delivery "
                   "WHERE delivery_id = " +
                   std::to_string(delivery.id.value())) == "done|NULL|0|NULL");
}

TEST_CASE("outbox: a dead letter keeps its payload, and its chat goes on") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  const Delivery delivery = bench.TakeOne();
  Settlement failed = bench.After(delivery, Settlement::Verdict::kFailed);
  failed.reason = "the channel answered 400";
  bench.Settle(failed);

  CHECK(bench.Show("SELECT state, last_error, payload FROM delivery WHERE delivery_id = " +
                   std::to_string(delivery.id.value())) ==
        R"(failed|the channel answered 400|{"text":"hello"})");
  CHECK(bench.TakeOne().message_id == MessageId(2));
}

TEST_CASE("outbox: a lease for a portal holds longer") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.Done(bench.TakeOne(), {"x"});
  bench.TakeOne(Target::kConfirmation);
  bench.clock.Advance(kPortalLeaseTime - std::chrono::milliseconds(1));
  CHECK(bench.Take(Target::kConfirmation, 1, kOther).empty());
  bench.clock.Advance(std::chrono::milliseconds(1));
  CHECK(bench.Take(Target::kConfirmation, 1, kOther).size() == 1);
}

TEST_CASE("outbox: a lease that ran out is another's, and only a final verdict still counts") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery delivery = bench.TakeOne();
  bench.clock.Advance(kLeaseTime - std::chrono::milliseconds(1));
  CHECK(bench.Take(Target::kChannel, 1, kOther).empty());
  bench.clock.Advance(std::chrono::milliseconds(1));
  const std::vector<Delivery> again = bench.Take(Target::kChannel, 1, kOther);
  REQUIRE(again.size() == 1);
  CHECK(again.front().key == delivery.key);

  bench.Settle(bench.Later(delivery));
  CHECK(StateOf(bench, delivery) == "leased");
  bench.Done(delivery, {"a"});
  CHECK(StateOf(bench, delivery) == "done");
  Settlement failed = bench.After(delivery, Settlement::Verdict::kFailed);
  bench.Settle(failed, kOther);

  CHECK(StateOf(bench, delivery) == "done");
  CHECK(bench.Show("SELECT external_message_id FROM messages") == "a");
  CHECK(bench.Show("SELECT attempts FROM deliveries WHERE kind = 'message.created'") == "2");
}

TEST_CASE("outbox: what a process that is gone held is pending again") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery delivery = bench.TakeOne();

  CHECK(bench.outbox().ReleaseLeases(kOther).has_value());
  CHECK(StateOf(bench, delivery) == "leased");
  CHECK(bench.outbox().ReleaseLeases(OutboxBench::kHolder).has_value());

  CHECK(bench.Take(Target::kChannel, 1, kOther).size() == 1);
  // It may have sent it.
  CHECK(bench.Show("SELECT maybe_done FROM delivery WHERE kind = 'message.created'") == "1");
}

TEST_CASE("outbox: what a killed process held comes again, and nothing is half recorded") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Everything of SQLite's is made in here: none of it may be carried over a fork.
    OutboxBench bench;
    bench.Do("m1", Created(1));
    const std::string path = bench.Take().size() == 1 ? bench.path() : "";
    _exit(write(ends[1], path.data(), path.size()) > 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  char told[512];
  const ssize_t length = read(ends[0], told, sizeof told);
  REQUIRE(length > 0);
  const std::string path(told, static_cast<std::size_t>(length));
  close(ends[0]);
  close(ends[1]);
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);
  REQUIRE(store.has_value());
  FakeClock clock;

  const Result<std::vector<ReadyQueue>> ready = (*store)->FindReady(Target::kChannel);
  REQUIRE(ready.has_value());
  REQUIRE(ready->size() == 1);
  CHECK(ready->front().due == clock.Now() + kLeaseTime);
  const std::vector<Ask> asks = {{ready->front().id, 5}};
  CHECK((*store)->Turn({}, Target::kChannel, asks, kOther, clock.Now())->empty());
  clock.Advance(kLeaseTime);
  const Result<std::vector<Delivery>> taken =
      (*store)->Turn({}, Target::kChannel, asks, kOther, clock.Now());

  REQUIRE(taken.has_value());
  REQUIRE(taken->size() == 1);
  CHECK(taken->front().message_id == MessageId(1));
  RawDatabase raw(path);
  CHECK(raw.Show("SELECT count(*) FROM attempt") == "1");  // of the portal's installation
  CHECK(raw.Show("PRAGMA integrity_check") == "ok");
  std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

TEST_CASE("outbox: a turn without anything to do writes nothing") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery delivery = bench.TakeOne();
  RawDatabase other(bench.path());
  // With somebody else writing, a write of ours would have to wait.
  REQUIRE(other.Execute("BEGIN IMMEDIATE"));

  CHECK(bench.outbox()
            .Turn({}, Target::kChannel, {{delivery.queue, 5}}, kOther, bench.clock.Now())
            .has_value());
  CHECK(bench.outbox().FindReady(Target::kChannel).has_value());
  REQUIRE(other.Execute("ROLLBACK"));
}

TEST_CASE("outbox: tells of commits that queue something, until it is told not to") {
  OutboxBench bench;
  std::atomic<int> told = 0;
  bench.outbox().OnQueued([&] { ++told; });
  const auto tells = [&](int at_least) {
    // The answer is given before.
    for (int i = 0; i < 1000 && told < at_least; ++i) usleep(1000);
    return told >= at_least;
  };

  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  CHECK(tells(1));
  const Delivery delivery = bench.TakeOne();
  bench.Done(delivery, {"a"});
  CHECK(tells(2));
  bench.outbox().OnQueued(nullptr);
  const int before = told;
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  REQUIRE(CheckReady(bench.store()).has_value());

  CHECK(told == before);
}

TEST_CASE("outbox: channels in trouble are remembered") {
  OutboxBench bench;
  const EndpointState state{"shop",
                            "f1",
                            EndpointState::State::kOff,
                            7,
                            bench.clock.Now(),
                            bench.clock.Now() + std::chrono::milliseconds(1500),
                            "410"};
  REQUIRE(bench.outbox().SetEndpoint(state).has_value());
  EndpointState changed = state;
  changed.state = EndpointState::State::kOpen;
  REQUIRE(bench.outbox().SetEndpoint(changed).has_value());

  const Result<std::vector<EndpointState>> known = bench.outbox().Endpoints();

  REQUIRE(known.has_value());
  REQUIRE(known->size() == 1);
  CHECK(known->front().name == "shop");
  CHECK(known->front().fingerprint == "f1");
  CHECK(known->front().state == EndpointState::State::kOpen);
  CHECK(known->front().failures == 7);
  CHECK(known->front().since == state.since);
  CHECK(known->front().probe_at == state.probe_at);
  CHECK(known->front().reason == "410");
}

TEST_CASE("outbox: a channel's state is replaced only where it is as its writer knows it") {
  OutboxBench bench;
  const TimePoint now = bench.clock.Now();
  EndpointState unknown;
  unknown.name = "shop";
  unknown.fingerprint = "f1";
  const EndpointState open{
      "shop", "f1", EndpointState::State::kOpen, 10, now, now + std::chrono::seconds(5), "503"};
  EndpointState off = open;
  off.state = EndpointState::State::kOff;

  CHECK(bench.outbox().ReplaceEndpoint(unknown, open) == true);
  CHECK(bench.outbox().ReplaceEndpoint(unknown, off) == false);
  EndpointState later = open;
  later.probe_at += std::chrono::seconds(10);
  CHECK(bench.outbox().ReplaceEndpoint(open, later) == true);
  CHECK(bench.outbox().ReplaceEndpoint(open, later) == false);
  CHECK(bench.outbox().Endpoints()->front().state == EndpointState::State::kOpen);
  off.fingerprint = "f2";
  CHECK(bench.outbox().ReplaceEndpoint(unknown, off) == true);
  CHECK(bench.outbox().Endpoints()->front().fingerprint == "f2");
}

TEST_CASE("outbox: two processes never lease one delivery twice nor break the order of a chat") {
  OutboxBench bench;
  constexpr int kChats = 4;
  constexpr int kEach = 15;
  for (int i = 0; i < kChats * kEach; ++i) {
    const Place place = PlaceOf("conn", 7, "chat-" + std::to_string(i % kChats));
    REQUIRE(bench.Do("m1", Created(i + 1, place)) == "accepted");
  }
  Result<std::unique_ptr<SqliteStore>> second = SqliteStore::Open(bench.path());
  REQUIRE(second.has_value());
  Outbox* const outboxes[] = {&bench.outbox(), second->get()};
  std::mutex mutex;
  std::map<std::string, std::vector<std::int64_t>> sent;
  std::set<std::int64_t> under_way;
  std::atomic<int> wrong = 0;
  std::atomic<int> done = 0;

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Outbox& outbox = *outboxes[i % 2];
      std::vector<Settlement> settled;
      for (int idle = 0; done < kChats * kEach && idle < 2000;) {
        const Result<std::vector<Delivery>> taken = outbox.Turn(
            settled, Target::kChannel, {{QueueId(1), 1 + i % 2}}, 100 + i, bench.clock.Now());
        if (!taken) {
          ++wrong;
          break;
        }
        done += static_cast<int>(settled.size());
        settled.clear();
        if (taken->empty()) {
          ++idle;
          usleep(1000);
        }
        for (const Delivery& delivery : *taken) {
          {
            const std::lock_guard lock(mutex);
            if (!under_way.insert(delivery.id.value()).second) ++wrong;
            sent[delivery.external_chat_id.value()].push_back(delivery.message_id->value());
          }
          Settlement one;
          one.id = delivery.id;
          one.external_ids.emplace_back("x" + std::to_string(delivery.message_id->value()));
          settled.push_back(one);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(wrong == 0);
  CHECK(done == kChats * kEach);
  CHECK(sent.size() == kChats);
  for (const auto& [chat, messages] : sent) {
    CHECK(messages.size() == kEach);
    CHECK(std::is_sorted(messages.begin(), messages.end()));
  }
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'confirm'") ==
        std::to_string(kChats * kEach));
}

}  // namespace
}  // namespace imrelay
