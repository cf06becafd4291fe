#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "store/sqlite/naming_rows.h"
#include "tests/store/outbox_bench.h"

// What becomes of a message and its deletion, told as what happens to it, word by word.

namespace imrelay {
namespace {

// Plays words on message 1: `add`, `edit`, `delete`, each `=a,b` naming ids; `take` what is due;
// how the attempt ended: `done`, `done=a,b`, `202`, `later`, `later?` and `fail?` where it may have
// been done, `later=a` where a part was; `gone`, `old`, `unable`, `fail`; `name=a,b` of late ids;
// `die`: its holder does nothing for a while; `wait`: ten minutes pass.
class Story {
 public:
  void Play(const std::string& words) {
    std::istringstream in(words);
    for (std::string word; in >> word;) {
      CAPTURE(word);
      const std::size_t split = word.find('=');
      Step(word.substr(0, split), split == std::string::npos ? "" : word.substr(split + 1));
    }
  }

  std::string Messages() {
    return Line(
        "SELECT coalesce(external_message_id, '-') || ' ' || coalesce(outcome, 'alive') "
        "FROM messages ORDER BY external_message_id");
  }
  std::string Deliveries() {
    return Line(
        "SELECT replace(kind, 'message.', '') || coalesce(' ' || external_message_id, '') "
        "|| ' ' || state FROM deliveries WHERE kind <> 'portal.installed' ORDER BY id");
  }

  OutboxBench bench;

 private:
  static std::vector<std::string> Split(const std::string& list) {
    std::vector<std::string> ids;
    std::istringstream in(list);
    for (std::string id; std::getline(in, id, ',');) ids.push_back(id);
    return ids;
  }

  std::string Line(const std::string& query) {
    std::string rows = bench.Show(query);
    for (std::size_t at = 0; (at = rows.find('\n', at)) != std::string::npos;) {
      rows.replace(at, 1, ", ");
    }
    return rows;
  }

  void Step(const std::string& word, const std::string& ids) {
    using Verdict = Settlement::Verdict;
    if (word == "add") {
      REQUIRE(bench.Do("m1", Created(1)) == "accepted");
    } else if (word == "edit") {
      bench.Do("m1", Updated(1, Split(ids)));
    } else if (word == "delete") {
      bench.Do("m1", Deleted(1, Split(ids)));
    } else if (word == "take") {
      const std::vector<Delivery> taken = bench.Take();
      REQUIRE(taken.size() == 1);
      taken_ = taken.front();
    } else if (word == "nothing") {
      CHECK(bench.Take().empty());
    } else if (word == "name") {
      Name(Split(ids));
    } else if (word == "die") {
      bench.clock.Advance(kLeaseTime);
    } else if (word == "wait") {
      bench.clock.Advance(kIdsWait);
    } else if (word == "202") {
      Settlement settled = bench.After(taken_, Verdict::kDone);
      settled.ids_follow = true;
      bench.Settle(settled);
    } else {
      static const std::map<std::string, Verdict> kVerdicts = {
          {"done", Verdict::kDone},        {"gone", Verdict::kGone},
          {"old", Verdict::kTooOld},       {"unable", Verdict::kUnsupported},
          {"fail", Verdict::kFailed},      {"fail?", Verdict::kFailed},
          {"later", Verdict::kLater},      {"later?", Verdict::kLater},
          {"dropped", Verdict::kCancelled}};
      Settlement settled = bench.After(taken_, kVerdicts.at(word));
      settled.due = bench.clock.Now();
      settled.maybe_done = word.back() == '?';
      for (const std::string& id : Split(ids)) settled.external_ids.emplace_back(id);
      bench.Settle(settled);
    }
  }

  void Name(const std::vector<std::string>& texts) {
    std::vector<ExternalMessageId> ids;
    for (const std::string& text : texts) ids.emplace_back(text);
    Result<Database> database = Database::Open(bench.path(), Database::Access::kReadWrite);
    REQUIRE(database.has_value());
    const Result<std::int64_t> line = database->Value("SELECT line_key FROM line");
    const ChangeContext context{*database, PortalId(1), bench.clock.Now(), {}};
    REQUIRE(NameMessageRows(context, *line, MessageId(1), ids).has_value());
  }

  Delivery taken_;
};

struct Life {
  const char* words;
  const char* messages;
  const char* deliveries;
};

void CheckLives(const std::vector<Life>& lives) {
  for (const Life& life : lives) {
    CAPTURE(std::string(life.words));
    Story story;
    story.Play(life.words);
    CHECK(story.Messages() == life.messages);
    CHECK(story.Deliveries() == life.deliveries);
    // Nothing is lost from the count, and one delivery of the chat is first at most.
    CHECK(
        story.bench.Show("SELECT coalesce(sum(received), 0) FROM tally WHERE what = 'deletion'") ==
        story.bench.Show("SELECT count(deleted_at) FROM message"));
    CHECK(story.bench.Show("SELECT count(*) FROM delivery WHERE head = 1 AND "
                           "state <> 'pending' AND state <> 'leased'") == "0");
  }
}

TEST_CASE("deletion: each end of its own") {
  CheckLives({
      {"add take done=a delete=a take done", "a done",
       "created done, confirm pending, deleted a done"},
      {"add take done=a delete=a take gone", "a gone",
       "created done, confirm pending, deleted a done"},
      {"add take done=a delete=a take old", "a too_old",
       "created done, confirm pending, deleted a done"},
      {"add take done=a delete=a take unable", "a unsupported",
       "created done, confirm pending, deleted a done"},
      {"add take done=a delete=a take fail", "a failed",
       "created done, confirm pending, deleted a failed"},
      {"add take done=a delete=a take dropped", "a cancelled",
       "created done, confirm pending, deleted a cancelled"},
      {"add take done=a delete=a take later", "a pending",
       "created done, confirm pending, deleted a pending"},
      {"add take done=a,b delete=a,b take done take gone", "a done, b gone",
       "created done, confirm pending, deleted a done, deleted b done"},
      {"add take done=a,b delete=a take done", "a done, b alive",
       "created done, confirm pending, deleted a done"},
  });
}

TEST_CASE("deletion: of what is still queued cancels the sending") {
  CheckLives({
      {"add delete nothing", "- cancelled", "created cancelled"},
      {"add delete delete nothing", "- cancelled", "created cancelled"},
      {"add edit delete nothing", "- cancelled", "created cancelled, updated cancelled"},
      {"add take later delete nothing", "- cancelled", "created cancelled"},
      {"add take fail delete nothing", "- cancelled", "created cancelled"},
      {"add delete=a take done", "a done", "created cancelled, deleted a done"},
      {"add take later? delete take done", "- done", "created cancelled, deleted done"},
      {"add take later? take later delete take done", "- done", "created cancelled, deleted done"},
      {"add take fail? delete take gone", "- gone", "created cancelled, deleted done"},
      {"add take die take", "- alive", "created leased"},
      {"add take later=a delete take done", "a done", "created cancelled, deleted a done"},
      {"add take later=a,b delete take done take done", "a done, b done",
       "created cancelled, deleted a done, deleted b done"},
      {"add take later=a delete=b take done take done", "a done, b done",
       "created cancelled, deleted b done, deleted a done"},
  });
}

TEST_CASE("deletion: of what is being sent waits for its end") {
  CheckLives({
      {"add take delete nothing", "- pending", "created leased, deleted pending"},
      {"add take delete done=a take done", "a done",
       "created done, deleted a done, confirm pending"},
      {"add take delete done=a,b take done take gone", "a done, b gone",
       "created done, deleted a done, deleted b done, confirm pending"},
      {"add take delete done take gone", "- gone", "created done, deleted done, confirm pending"},
      {"add take delete later nothing", "- cancelled", "created cancelled, deleted cancelled"},
      {"add take delete fail nothing", "- cancelled", "created cancelled, deleted cancelled"},
      {"add take delete later? take done", "- done", "created cancelled, deleted done"},
      {"add take later? take delete later take done", "- done", "created cancelled, deleted done"},
      {"add take delete fail=a take done", "a done", "created cancelled, deleted a done"},
      {"add take delete later=a,b take done take done", "a done, b done",
       "created cancelled, deleted a done, deleted b done"},
      {"add take delete=a done=x take done take done", "a done, x done",
       "created done, deleted a done, deleted x done, confirm pending"},
      {"add take delete die take done", "- done", "created cancelled, deleted done"},
      // The answer comes after the lease ran out and the sending was given up.
      {"add take delete die done=a take done", "a done",
       "created done, deleted a done, confirm pending"},
  });
}

TEST_CASE("deletion: of a message whose ids are to come waits for them, for a while") {
  CheckLives({
      {"add take 202 delete nothing", "- pending", "created done, deleted pending"},
      {"add take 202 delete nothing wait take done", "- done", "created done, deleted done"},
      {"add take 202 delete name=a take done", "a done",
       "created done, deleted a done, confirm pending"},
      {"add take delete 202 nothing name=a,b take done take done", "a done, b done",
       "created done, deleted a done, deleted b done, confirm pending"},
      {"add take delete 202 wait take gone name=a take done", "a done",
       "created done, deleted done, deleted a done, confirm pending"},
      {"add take delete 202 wait take done name=a nothing", "a done",
       "created done, deleted done, confirm pending"},
      {"add take 202 name=a name=a nothing", "a alive", "created done, confirm pending"},
  });
}

TEST_CASE("deletion: edits know the ids too, and end with their message") {
  CheckLives({
      {"add edit take done=a,b take done take done", "a alive, b alive",
       "created done, updated a done, updated b done, confirm pending"},
      {"add take edit delete done=a take done", "a done",
       "created done, updated cancelled, deleted a done, confirm pending"},
      {"add take done=a edit=a delete=a take done", "a done",
       "created done, confirm pending, updated a cancelled, deleted a done"},
      {"add take done=a,b edit=a,b delete=a take done take done", "a done, b alive",
       "created done, confirm pending, updated a cancelled, updated b done, deleted a done"},
  });
}

TEST_CASE("deletion: ids that Bitrix24 cannot keep are none") {
  CheckLives({
      {"add take done=0 nothing", "- alive", "created done, confirm pending"},
      {"add take done=0,a nothing", "a alive", "created done, confirm pending"},
  });
  Story story;
  story.Play("add take done=0");
  CHECK(story.bench.Show("SELECT payload FROM delivery WHERE kind = 'confirm'") ==
        R"({"ids":[],"date":1773748800})");
  CHECK(story.bench.Show("SELECT undeletable FROM message") == "1");
  CHECK(story.bench.Show("SELECT last_error FROM deliveries WHERE kind = 'message.created'") ==
        "the channel told the message id 0, which Bitrix24 never keeps");
}

TEST_CASE("deletion: what may be an external id") {
  std::vector<ExternalMessageId> told;
  for (const char* id : {" a ", "a", "\xC3\xA4", "b\n", "c\x01", "\xFF", "", " ", "0"}) {
    told.emplace_back(id);
  }
  told.emplace_back(std::string(100, 'x'));
  told.emplace_back(std::string(101, 'x'));

  const UsableIds usable = FindUsable(told);

  CHECK(usable.ids == std::vector<std::string>{"a", "\xC3\xA4", "b", std::string(100, 'x')});
  CHECK(usable.problem == "the channel told a message id of more than 100 bytes");
}

TEST_CASE("deletion: ids told late replace a confirmation that is not sent yet") {
  Story story;
  story.Play("add take done name=a");
  CHECK(story.bench.Show("SELECT payload FROM delivery WHERE kind = 'confirm'") ==
        R"({"ids":["a"],"date":1773748800})");
  CHECK(story.bench.Show("SELECT undeletable FROM message") == "NULL");
}

TEST_CASE("deletion: names are quoted in the confirmation") {
  Story story;
  story.Play(R"(add take done=a"b\c,d)");
  CHECK(story.bench.Show("SELECT json_extract(payload, '$.ids[0]') FROM delivery "
                         "WHERE kind = 'confirm'") == R"(a"b\c)");
}

TEST_CASE("deletion: the operator is told once of a message, and only where there is one") {
  Story story;
  story.Play("add take done=a,b delete=a,b");
  OutboxBench& bench = story.bench;
  for (int i = 0; i < 2; ++i) {
    const std::vector<Delivery> taken = bench.Take();
    REQUIRE(taken.size() == 1);
    Settlement settled = bench.After(taken.front(), Settlement::Verdict::kTooOld);
    settled.tell_operator = true;
    bench.Settle(settled);
  }

  CHECK(bench.Show("SELECT kind, payload FROM delivery WHERE target = 2") ==
        R"(operator.notice|{"outcome":"too_old"})");
  CHECK(bench.TakeOne(Target::kPortal).chat_id.value() == 1807);

  MessageDeleted elsewhere = Deleted(9, {"z"});
  elsewhere.chat_id = ChatId();
  REQUIRE(bench.Do("m1", elsewhere) == "accepted");
  Settlement settled = bench.After(bench.TakeOne(), Settlement::Verdict::kFailed);
  settled.tell_operator = true;
  bench.Settle(settled);
  CHECK(bench.Show("SELECT count(*) FROM delivery WHERE kind = 'operator.notice'") == "1");
}

TEST_CASE("deletion: one of the client's message takes its row over") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  RawDatabase raw(bench.path());
  REQUIRE(
      raw.Execute("INSERT INTO incoming_message (external_message_id, chat_key, line_key, "
                  "delivery_id, created_at, deleted_at, outcome) VALUES "
                  "('in-1', 1, 1, 98, 10, NULL, NULL), ('in-2', 1, 1, 99, 10, 20, 'done')"));

  CHECK(bench.Do("m1", Deleted(7, {"in-1"})) == "accepted");
  CHECK(bench.Do("m1", Deleted(8, {"in-2"})) == "ignored: already_deleted");

  CHECK(bench.Show("SELECT message_id, external_message_id, direction, created_at, outcome "
                   "FROM messages WHERE direction = 'in' ORDER BY 2") ==
        "7|in-1|in|1970-01-01T00:00:10Z|pending\nNULL|in-2|in|1970-01-01T00:00:10Z|done");
}

}  // namespace
}  // namespace imrelay
