#include <utility>

#include "codec/event_decoder.h"
#include "codec/json.h"
#include "ingest/event_key.h"
#include "ingest/ingest.h"

namespace imrelay {
namespace {

// As a body that was posted would be, for the journal and what reads it.
Tree TreeOf(const UnpostedEvent& unposted) {
  Tree tree;
  tree.Set("event", Tree(unposted.name));
  tree.Set("data", unposted.data);
  if (unposted.ts) tree.Set("ts", Tree(std::to_string(*unposted.ts)));
  return tree;
}

}  // namespace

Result<Committed> Ingest::TakeUnposted(const UnpostedEvent& unposted) {
  const Tree tree = TreeOf(unposted);
  Event event;
  if (Result<Event> decoded = DecodeEvent(tree); decoded) {
    event = *std::move(decoded);
  } else {
    event.name = "UNREADABLE";
    event.ts = unposted.ts;
    event.unusable = decoded.error().reason;
  }
  event.auth.member_id = unposted.member_id;
  // An installation is proven with tokens, an uninstallation ends a portal that still answers us.
  const bool is_of_application = event.kind == EventKind::kAppInstall ||
                                 event.kind == EventKind::kAppUpdate ||
                                 event.kind == EventKind::kAppUninstall;
  if (is_of_application) event.unusable = "not_posted";
  const std::string data = CanonicalData(tree);
  Plan plan;
  plan.member_id = unposted.member_id;
  plan.journal.key = KeyOf(event, data);
  plan.journal.name = event.name;
  plan.journal.source = unposted.source;
  plan.journal.received_at = clock_.Now();
  plan.journal.ts = event.ts;
  plan.journal.body = WithoutTokens(BodyFormat::kJson, ToJson(tree));
  plan.likeness = Likeness{ContentKeyOf(event, data), {}, unposted.overtaken};
  if (unposted.source == EventSource::kOffline) {
    plan.likeness->posted = PostedKeysOf(event, data);
  }
  return CommitJournalled(event, std::move(plan));
}

}  // namespace imrelay
