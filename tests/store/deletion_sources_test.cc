#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

// Which source saw a deletion first, counted where the rows' end does not reach.

namespace imrelay {
namespace {

struct Bench : StoreBench {
  Bench() { Install("m1"); }
  std::string From(EventSource source, Change change, std::optional<std::int64_t> ts = {}) {
    Plan plan = PlanOf("m1", {std::move(change)});
    plan.journal.source = source;
    if (ts) plan.journal.ts = ts;
    return Commit(plan);
  }
  std::string Tally() {
    return Show(
        "SELECT what, received FROM tally WHERE what LIKE 'deletion%' AND received <> 0 "
        "ORDER BY 1");
  }
};

TEST_CASE("deletion_sources: every id counts once, for the source that was first") {
  Bench bench;
  CHECK(bench.From(EventSource::kOffline, Deleted(1, {"a", "b"})) == "accepted");
  CHECK(bench.From(EventSource::kOffline, Deleted(1, {"a", "b"})) == "ignored: already_deleted");
  CHECK(bench.From(EventSource::kReadback, Deleted(1, {"a"})) == "ignored: already_deleted");
  CHECK(bench.Tally() == "deletion|2\ndeletion_offline|2");

  // A part is named later, by the webhook.
  CHECK(bench.From(EventSource::kWebhook, Deleted(1, {"a", "c"})) == "accepted");
  CHECK(bench.Tally() == "deletion|3\ndeletion_late|2\ndeletion_offline|2");
}

TEST_CASE("deletion_sources: what is erased is counted no more among what is kept") {
  Bench bench;
  CHECK(bench.From(EventSource::kOffline, Deleted(1, {})) == "accepted");
  CHECK(bench.Tally() == "deletion|1\ndeletion_offline|1");
  // Ids take the place of the row without one.
  CHECK(bench.From(EventSource::kWebhook, Deleted(1, {"a"})) == "accepted");
  CHECK(bench.Tally() == "deletion|1");

  CHECK(bench.From(EventSource::kReadback, Deleted(2, {"b"})) == "accepted");
  CHECK(bench.From(EventSource::kSpool, Deleted(2, {"b"})) == "ignored: already_deleted");
  CHECK(bench.Tally() == "deletion|2\ndeletion_late|1\ndeletion_readback|1");
  REQUIRE(RawDatabase(bench.path()).Execute("DELETE FROM message"));
  CHECK(bench.Tally() == "");
}

TEST_CASE("deletion_sources: an edit's time is kept, and the greatest of them") {
  Bench bench;
  CHECK(bench.From(EventSource::kWebhook, Updated(1, {"a"}), 50) == "accepted");
  CHECK(bench.From(EventSource::kWebhook, Updated(1, {"a"}), 40) == "accepted");
  CHECK(bench.Show("SELECT edited_ts FROM message") == "50");
  CHECK(bench.From(EventSource::kOffline, Updated(1, {"a"}), 45) == "ignored: newer_edit_known");
  CHECK(bench.From(EventSource::kOffline, Updated(1, {"a"}), 51) == "accepted");
  CHECK(bench.Show("SELECT edited_ts FROM message") == "51");
}

}  // namespace
}  // namespace imrelay
