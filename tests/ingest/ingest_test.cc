#include "ingest/ingest.h"

#include <doctest/doctest.h>

#include <atomic>
#include <iterator>
#include <thread>

#include "tests/codec/test_files.h"
#include "tests/ingest/ingest_bench.h"

namespace imrelay {
namespace {

std::string WireJson(const std::string& name) {
  return ReadFile(std::string(IMRELAY_TEST_DATA "/wire/") + name + ".json");
}

constexpr const char* kMember = "bac1cd5c8940947a75e0d71b1a84e348";
constexpr const char* kLastEvent = "SELECT status, source FROM events ORDER BY id DESC LIMIT 1";

// The portal of the recorded bodies, installed.
void InstallRecorded(IngestBench& bench) {
  REQUIRE(bench.Post(WireForm("onappinstall")) == "accepted");
  bench.Accept(bench.PortalOf(kMember).waiting.at(0).id, kMember);
}

// The recorded bodies by their names, in the order in which the portal queued them.
const char* const kRecorded[] = {"onappinstall",
                                 "onappupdate",
                                 "dialogstart",
                                 "messageadd-text",
                                 "messageadd-file-no-text",
                                 "messageupdate-2-external-ids",
                                 "messagedelete-1-external-id",
                                 "messagedelete-2-external-ids-no-tokens",
                                 "onofflineevent",
                                 "onapptest-event-test",
                                 "statusdelete",
                                 "linedelete",
                                 "dialogfinish",
                                 "onappuninstall"};

TEST_CASE("ingest: takes in every recorded body, and knows it again as form and as JSON") {
  REQUIRE(WireForms().size() == std::size(kRecorded));
  IngestBench bench;

  for (const std::string name : kRecorded) {
    CAPTURE(name);
    CHECK(bench.Post(WireForm(name)) == "accepted");
    CHECK(bench.Post(WireForm(name)) == "duplicate");
    CHECK(bench.Post(WireJson(name), BodyFormat::kJson) == "duplicate");
    const std::vector<WaitingInstallation> waiting = bench.PortalOf(kMember).waiting;
    if (!waiting.empty()) bench.Accept(waiting[0].id, kMember);
  }

  // Also after the end.
  for (const char* name : kRecorded) CHECK(bench.Post(WireForm(name)) == "duplicate");
  CHECK(bench.Show("SELECT status, count(*) FROM events GROUP BY 1") == "applied|14");
}

TEST_CASE("ingest: takes in every recorded body as JSON first") {
  IngestBench bench;

  for (const std::string name : kRecorded) {
    CAPTURE(name);
    CHECK(bench.Post(WireJson(name), BodyFormat::kJson) == "accepted");
    CHECK(bench.Post(WireForm(name)) == "duplicate");
    const std::vector<WaitingInstallation> waiting = bench.PortalOf(kMember).waiting;
    if (!waiting.empty()) bench.Accept(waiting[0].id, kMember);
  }
}

TEST_CASE("ingest: every recorded body waits for the proof, and is applied after it") {
  IngestBench bench;
  for (const char* name : kRecorded) CHECK(bench.Post(WireForm(name)) == "accepted");
  CHECK(bench.Show("SELECT status, count(*) FROM events GROUP BY 1") == "waiting|14");

  for (const WaitingInstallation& waiting : bench.PortalOf(kMember).waiting) {
    bench.Accept(waiting.id, kMember);
  }
  const Result<std::vector<WaitingEvent>> due = bench.store().WaitingEvents(100);
  REQUIRE(due.has_value());
  for (const WaitingEvent& event : *due) CHECK(bench.ingest.ApplyWaiting(event).has_value());

  CHECK(bench.Show("SELECT status, count(*) FROM events GROUP BY 1") == "applied|13\nignored|1");
  CHECK(bench.Show("SELECT event FROM events WHERE status = 'ignored'") == "ONAPPINSTALL");
  CHECK(bench.Show("SELECT status FROM portals") == "uninstalled");
  bench.FinishErasures();
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("ingest: the recorded bodies become the rows of the mapping") {
  IngestBench bench;
  InstallRecorded(bench);
  for (const char* name : {"messageadd-text", "messageadd-file-no-text",
                           "messageupdate-2-external-ids", "messagedelete-1-external-id"}) {
    CAPTURE(name);
    REQUIRE(bench.Post(WireForm(name)) == "accepted");
  }

  CHECK(bench.Show("SELECT connector, line_id, chat_id, message_id, external_chat_id, "
                   "external_message_id, direction, outcome FROM messages ORDER BY 4, 6") ==
        "myconnector|107|1807|86497|channel-123|NULL|out|NULL\n"
        "myconnector|107|1807|86499|channel-123|NULL|out|NULL\n"
        "myconnector|107|1807|86501|channel-123|ext-msg-005|out|pending\n"
        "myconnector|107|1807|86501|channel-123|ext-msg-006|out|NULL");
  CHECK(bench.Post(WireForm("messagedelete-2-external-ids-no-tokens")) == "accepted");
  CHECK(bench.Show("SELECT external_message_id, outcome FROM messages WHERE message_id = 86501") ==
        "ext-msg-005|pending\next-msg-006|pending");
  CHECK(bench.Show("SELECT kind, count(*) FROM deliveries GROUP BY 1 ORDER BY 1") ==
        "message.created|2\nmessage.deleted|2\nmessage.updated|2\nportal.installed|1");

  REQUIRE(bench.Post(WireForm("statusdelete")) == "accepted");
  CHECK(bench.Show("SELECT connector, line_id, status FROM lines") ==
        "myconnector|107|disconnected");
  REQUIRE(bench.Post(WireForm("linedelete")) == "accepted");
  CHECK(bench.Show("SELECT connector, line_id, status FROM lines") == "myconnector|107|deleted");
}

TEST_CASE("ingest: an event of an unknown portal, or one without token or name, is refused") {
  IngestBench bench;
  bench.InstallPortal();
  const std::string events = bench.Show("SELECT count(*) FROM events");
  Posted posted{"ONIMCONNECTORMESSAGEADD", DataOf(1)};

  posted.member_id = "m2";
  CHECK(bench.Post(posted) == "unknown_portal");
  posted.member_id = "";
  CHECK(bench.Post(posted) == "unknown_portal");
  posted.member_id = "m1";
  posted.token = "token-b";
  CHECK(bench.Post(posted) == "wrong_token");
  posted.token = "";
  CHECK(bench.Post(posted) == "wrong_token");
  CHECK(bench.Post("event=ONIMCONNECTORMESSAGEADD&" + DataOf(1)) == "unknown_portal");
  CHECK(bench.Post("event=ONAPPINSTALL&auth[member_id]=m3") == "wrong_token");
  CHECK(bench.Post("data=1") == "no_event");
  CHECK(bench.Post("{", BodyFormat::kJson) == "bad_json");

  CHECK(bench.Show("SELECT count(*) FROM events") == events);
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show("SELECT count(*) FROM portals") == "1");
}

TEST_CASE("ingest: says what a request claimed to be, refused or not") {
  IngestBench bench;
  Claimed claimed;

  const Result<Committed> refused =
      bench.Receive(bench.ingest, "event=onTest&auth[member_id]=m9", claimed);

  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUnauthenticated);
  CHECK(claimed.event == "ONTEST");
  CHECK(claimed.member_id == "m9");
}

TEST_CASE("ingest: an edit there, back and there again is three events") {
  IngestBench bench;
  bench.InstallPortal();
  Posted a{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "A"), 1773750001};
  Posted b{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "B"), 1773750002};
  Posted again{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "A"), 1773750003};

  CHECK(bench.Post(a) == "accepted");
  CHECK(bench.Post(b) == "accepted");
  CHECK(bench.Post(again) == "accepted");
  CHECK(bench.Post(a) == "duplicate");
  CHECK(bench.Post(b) == "duplicate");

  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.updated'") == "3");
}

TEST_CASE("ingest: two bindings of one event are one event") {
  IngestBench bench;
  bench.InstallPortal();
  Posted posted{"ONIMCONNECTORMESSAGEADD", DataOf(1)};
  std::string other = posted.Body();
  other.replace(other.find("event_handler_id=555"), 20, "event_handler_id=556");

  CHECK(bench.Post(posted) == "accepted");
  CHECK(bench.Post(other) == "duplicate");
}

TEST_CASE("ingest: the same event of two portals is two events") {
  IngestBench bench;
  bench.InstallPortal("token-a", 1773748800, "m1");
  bench.InstallPortal("token-b", 1773748800, "m2");
  Posted first{"ONIMCONNECTORMESSAGEDELETE", DataOf(1, "x")};
  Posted second = first;
  second.member_id = "m2";
  second.token = "token-b";

  CHECK(bench.Post(first) == "accepted");
  CHECK(bench.Post(second) == "accepted");

  CHECK(bench.Show("SELECT member_id, external_message_id FROM messages ORDER BY 1") ==
        "m1|x\nm2|x");
  // One portal's token says nothing for another.
  second.token = "token-a";
  CHECK(bench.Post(second) == "wrong_token");
}

TEST_CASE("ingest: connectors compare in lower case") {
  IngestBench bench;
  bench.InstallPortal();
  Posted lower{"ONIMCONNECTORMESSAGEDELETE", DataOf(1, "x"), 1773750002};
  lower.data.replace(lower.data.find("=Conn"), 5, "=cONN");

  REQUIRE(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(1)}) == "accepted");
  REQUIRE(bench.Post(lower) == "accepted");

  CHECK(bench.Show("SELECT connector, external_message_id, outcome FROM messages") ==
        "conn|x|pending");
  CHECK(bench.Show("SELECT connector FROM lines") == "conn");
}

TEST_CASE("ingest: an authentic event of no use is journalled with its body") {
  IngestBench bench;
  bench.InstallPortal();
  const auto ignored = [&](Posted posted) {
    const std::string answer = bench.Post(posted);
    CHECK(bench.Show(kLastEvent) == "ignored|webhook");
    return answer;
  };

  CHECK(ignored({"ONIMCONNECTORMESSAGEDELETE", "data[CONNECTOR]=c&data[LINE]=7"}) ==
        "ignored: no_messages");
  CHECK(ignored({"ONIMCONNECTORMESSAGEDELETE", "data[LINE]=7"}) == "ignored: no_connector");
  CHECK(ignored({"ONIMCONNECTORMESSAGEDELETE", DataOf(1, "a%FFb")}) == "ignored: invalid_id");
  CHECK(ignored({"ONSOMETHINGELSE", "data[x]=1"}) == "ignored: unknown_event");
  CHECK(bench.Post(Posted{"ONSOMETHINGELSE", "data[x]=1"}) == "duplicate");

  CHECK(bench.Show("SELECT CAST(body AS TEXT) FROM event WHERE event = 'ONSOMETHINGELSE'") ==
        "event=ONSOMETHINGELSE&event_handler_id=555&data[x]=1&ts=1773748800&auth[member_id]=m1");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("ingest: what of an event can be used is used, and the rest is noted") {
  IngestBench bench;
  bench.InstallPortal();

  CHECK(bench.Post(Posted{"ONIMCONNECTORMESSAGEDELETE",
                          DataOf(1, "x") + "&data[MESSAGES][1][chat][id]=chat-1"}) == "accepted");

  CHECK(bench.Show("SELECT external_message_id FROM messages") == "x");
  CHECK(bench.Show("SELECT reason FROM event ORDER BY event_id DESC LIMIT 1") ==
        "1_elements_skipped");
}

TEST_CASE("ingest: a spooled event says where it came from") {
  IngestBench bench;
  bench.InstallPortal();
  Claimed claimed;

  const Result<Committed> received = bench.Receive(
      bench.ingest, Posted{"ONAPPTEST", "data[QUERY]=1"}.Body(), claimed, EventSource::kSpool);

  REQUIRE(received.has_value());
  CHECK(bench.Show(kLastEvent) == "applied|spool");
}

TEST_CASE("ingest: the same posts to two processes from many threads are taken in once") {
  IngestBench bench;
  bench.InstallPortal();
  constexpr int kEvents = 50;
  std::atomic<int> accepted = 0;
  std::atomic<int> duplicate = 0;
  Ingest* const processes[] = {&bench.ingest, &bench.other_process};

  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kEvents; ++j) {
        const Posted posted{"ONIMCONNECTORMESSAGEDELETE", DataOf(j + 1, "x" + std::to_string(j))};
        Claimed claimed;
        const Result<Committed> received = bench.Receive(*processes[i % 2], posted.Body(), claimed);
        if (!received) continue;
        if (received->answer == Committed::Answer::kAccepted) ++accepted;
        if (received->answer == Committed::Answer::kDuplicate) ++duplicate;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(accepted == kEvents);
  CHECK(duplicate == 5 * kEvents);
  CHECK(bench.Show("SELECT count(*) FROM messages") == std::to_string(kEvents));
}

}  // namespace
}  // namespace imrelay
