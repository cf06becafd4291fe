#include "recovery/readback.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/install/tokens_bench.h"

namespace imrelay {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A portal that shows chats. Not thread-safe.
class ScriptedChats final : public HttpClient {
 public:
  Result<HttpResponse> Send(const HttpRequest& request) override {
    bodies.push_back(request.body);
    return HttpResponse{status, {}, answer};
  }
  // The messages of chat 1807: "5 6D 7", D for deleted.
  void Show(const std::string& messages) {
    std::string list;
    for (std::size_t from = 0; from < messages.size();) {
      const std::size_t end = std::min(messages.find(' ', from), messages.size());
      std::string one = messages.substr(from, end - from);
      const bool deleted = one.back() == 'D';
      if (deleted) one.pop_back();
      list += (list.empty() ? "" : ",") + (R"({"id":)" + one) +
              R"(,"chat_id":1807,"text":"secret text","params":)" +
              (deleted ? R"({"IS_DELETED":"Y"})" : "[]") + '}';
      from = end + 1;
    }
    answer = R"({"result":{"chat_id":1807,"messages":[)" + list + R"(]},"time":{"start":1}})";
  }

  int status = 200;
  std::string answer;
  std::vector<std::string> bodies;
};

struct Bench : TokensBench {
  Bench() {
    InstallPortal();
    // Good for ever, whatever is done to the clock.
    REQUIRE(RawDatabase(path()).Execute("UPDATE portal SET token_expires_at = 4000000000"));
    Scope("im,imconnector,imopenlines");
    TokensBench::Restart();
    api.emplace(*tokens, calls, rate_limit, portals, clock,
                [this](milliseconds time) { clock.Advance(time); });
    ingest.emplace(store(), keyring, clock);
    reader.emplace(sqlite(), *ingest, *api, clock);
  }
  void Scope(const std::string& scope) {
    REQUIRE(RawDatabase(path()).Execute("UPDATE portal SET scope = '" + scope + "'"));
  }
  // A message that was sent and confirmed with ids.
  void Confirmed(std::int64_t message, const std::string& id) {
    REQUIRE(Do("m1", Created(message)) == "accepted");
    const std::string of = " WHERE message_id = " + std::to_string(message);
    REQUIRE(RawDatabase(path()).Execute(
        "UPDATE delivery SET state = 'done', finished_at = created_at" + of +
        "; UPDATE message SET external_message_id = '" + id + "'" + of));
    RawDatabase(path()).Execute(
        "INSERT INTO delivery (portal_id, line_key, chat_key, message_id, kind, target, queue, "
        "lane, due_at_ms, created_at) SELECT portal_id, line_key, chat_key, message_id, 'confirm', "
        "1, queue, lane, 0, created_at FROM delivery" +
        of + " AND kind = 'message.created'");
    REQUIRE(RawDatabase(path()).Execute("UPDATE delivery SET state = 'done', finished_at = " +
                                        std::to_string(UnixSeconds(clock.Now())) + of +
                                        " AND kind = 'confirm'"));
  }
  bool LookAtOne() {
    const Result<bool> looked = reader->LookAtOne();
    REQUIRE(looked.has_value());
    return *looked;
  }
  bool LookLater() {
    clock.Advance(seconds(11));
    return LookAtOne();
  }
  std::string Deleted() {
    return Show(
        "SELECT coalesce(group_concat(external_message_id, ' '), '') FROM (SELECT * FROM "
        "messages WHERE deleted_at IS NOT NULL ORDER BY message_id)");
  }
  ReadbackCounts Counts() { return sqlite().CountReadback(Row().id).value(); }

  ScriptedChats chats;
  PortalCalls calls{chats, clock};
  RateLimit rate_limit{path() + "-calls", {1000, 1000}, clock};
  std::optional<PortalApi> api;
  std::optional<Ingest> ingest;
  std::optional<Readback> reader;
};

TEST_CASE("readback: a message deleted before its confirmation came is found, by mark or absence") {
  Bench bench;
  for (int i = 5; i <= 8; ++i) bench.Confirmed(i, "x" + std::to_string(i));
  bench.chats.Show("8 7D 5 4");

  CHECK_FALSE(bench.LookAtOne());  // not at once: one look serves several
  CHECK(bench.LookLater());

  CHECK(bench.Deleted() == "x6 x7");
  CHECK(bench.Show("SELECT kind, external_message_id FROM deliveries WHERE kind = "
                   "'message.deleted' ORDER BY id") == "message.deleted|x6\nmessage.deleted|x7");
  CHECK(bench.Show("SELECT event, status, source FROM events WHERE source = 'readback'") ==
        "ONIMCONNECTORMESSAGEDELETE|applied|readback\n"
        "ONIMCONNECTORMESSAGEDELETE|applied|readback");
  CHECK(bench.Show("SELECT received FROM tally WHERE what = 'deletion_readback'") == "2");
  CHECK(bench.chats.bodies.size() == 1);
  CHECK(bench.chats.bodies[0].find(R"("DIALOG_ID":"chat1807","LAST_ID":9,"LIMIT":50)") !=
        std::string::npos);
  CHECK_FALSE(bench.LookLater());
}

TEST_CASE("readback: what is not certain is left alone") {
  Bench bench;
  bench.Confirmed(5, "x5");

  SUBCASE("nothing older is shown: it may be hidden from this user") { bench.chats.Show("7 6"); }
  SUBCASE("nothing is shown at all") { bench.chats.Show(""); }
  SUBCASE("it is there") { bench.chats.Show("5 4"); }
  SUBCASE("another chat is shown") {
    bench.chats.answer = R"({"result":{"chat_id":1,"messages":[{"id":4}]}})";
  }
  SUBCASE("a message without its number") {
    bench.chats.answer = R"({"result":{"chat_id":1807,"messages":[{"text":"x"}]}})";
  }
  CHECK(bench.LookLater());
  CHECK(bench.Deleted() == "");
}

TEST_CASE("readback: more than a page is looked at in several calls") {
  Bench bench;
  bench.Confirmed(5, "x5");
  bench.Confirmed(9, "x9");
  bench.chats.Show("8 7");
  CHECK(bench.LookLater());
  CHECK(bench.Deleted() == "x9");
  bench.chats.Show("4");
  CHECK(bench.LookAtOne());
  CHECK(bench.Deleted() == "x5 x9");
  CHECK_FALSE(bench.LookAtOne());
}

TEST_CASE("readback: a crash between the journal and the end repeats and changes nothing") {
  Bench bench;
  bench.Confirmed(5, "x5");
  bench.chats.Show("4");
  REQUIRE(RawDatabase(bench.path())
              .Execute("CREATE TRIGGER full BEFORE DELETE ON readback "
                       "BEGIN SELECT RAISE(ABORT, 'full'); END"));
  bench.clock.Advance(seconds(11));
  CHECK_FALSE(bench.reader->LookAtOne().has_value());
  CHECK(bench.Deleted() == "x5");

  REQUIRE(RawDatabase(bench.path()).Execute("DROP TRIGGER full"));
  CHECK(bench.LookAtOne());
  CHECK_FALSE(bench.LookAtOne());
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.deleted'") == "1");
}

TEST_CASE("readback: a fault of our own drops no deletion that was found: it is tried again") {
  Bench bench;
  bench.Confirmed(5, "x5");
  bench.chats.Show("4");
  REQUIRE(RawDatabase(bench.path())
              .Execute("CREATE TRIGGER wrong BEFORE INSERT ON event "
                       "BEGIN SELECT RAISE(ABORT, 'wrong'); END"));
  CHECK(bench.LookLater());
  CHECK(bench.Deleted() == "");
  CHECK(bench.Counts().waiting == 1);
  CHECK_FALSE(bench.LookLater());  // not at once: other portals come first

  REQUIRE(RawDatabase(bench.path()).Execute("DROP TRIGGER wrong"));
  bench.clock.Advance(minutes(2));
  CHECK(bench.LookAtOne());
  CHECK(bench.Deleted() == "x5");
  CHECK(bench.Counts().waiting == 0);
}

TEST_CASE("readback: only where the scope was granted") {
  for (const char* scope : {"", "imconnector,imopenlines", "imbot,task"}) {
    CAPTURE(scope);
    Bench bench;
    bench.Scope(scope);
    bench.Confirmed(5, "x5");
    CHECK(bench.Counts().waiting == 0);
  }
  Bench bench;
  bench.Scope("imconnector, im");
  bench.Confirmed(5, "x5");
  CHECK(bench.Counts().waiting == 1);
}

TEST_CASE("readback: a chat that may not be read is not asked for again and again") {
  Bench bench;
  bench.chats.status = 403;
  bench.chats.answer = R"({"error":"ACCESS_ERROR","error_description":"No access"})";
  bench.Confirmed(5, "x5");
  CHECK(bench.LookLater());
  CHECK(bench.Counts().refused == 1);

  bench.Confirmed(6, "x6");
  CHECK(bench.Counts().waiting == 0);
  CHECK_FALSE(bench.LookLater());
  CHECK(bench.chats.bodies.size() == 1);

  bench.clock.Advance(days(8));
  bench.Confirmed(7, "x7");
  CHECK(bench.Counts().waiting == 1);
}

TEST_CASE(
    "readback: a scope that is gone drops what waits, other failures wait longer and longer") {
  Bench bench;
  bench.Confirmed(5, "x5");
  bench.chats.status = 503;
  bench.chats.answer = R"({"error":"QUERY_LIMIT_EXCEEDED"})";
  int tries = 0;
  const TimePoint begun = bench.clock.Now();
  while (bench.clock.Now() < begun + minutes(60)) tries += bench.LookLater() ? 1 : 0;
  CHECK(tries >= 4);
  CHECK(tries <= 12);
  CHECK(bench.Counts().waiting == 1);

  bench.chats.status = 403;
  bench.chats.answer = R"({"error":"insufficient_scope"})";
  bench.clock.Advance(days(1));
  CHECK(bench.LookAtOne());
  CHECK(bench.Counts().waiting == 0);
}

TEST_CASE("readback: an uninstalled portal leaves nothing to be looked at") {
  Bench bench;
  bench.Confirmed(5, "x5");
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
  CHECK(bench.Counts().waiting == 0);
}

TEST_CASE("readback: what is deleted meanwhile is not asked for") {
  Bench bench;
  bench.Confirmed(5, "x5");
  REQUIRE(bench.Do("m1", imrelay::Deleted(5, {"x5"})) == "accepted");
  CHECK(bench.LookLater());
  CHECK(bench.chats.bodies.empty());
  CHECK_FALSE(bench.LookAtOne());
}

TEST_CASE("readback: no text of an answer is kept") {
  Bench bench;
  bench.Confirmed(5, "x5");
  bench.chats.Show("4");
  CHECK(bench.LookLater());
  CHECK(bench.Show("SELECT count(*) FROM event WHERE CAST(body AS TEXT) LIKE '%secret%'") == "0");
}

}  // namespace
}  // namespace imrelay
