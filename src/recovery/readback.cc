#include "recovery/readback.h"

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/metrics.h"
#include "install/backoff.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds kShortestPause{30};
constexpr hours kLongestPause{6};

// The data that an event of this deletion would have: one element an external id.
Tree DataOf(const ReadbackChat& chat, const ReadbackMessage& message) {
  const auto element = [&](const std::string& id) {
    Tree im;
    im.Set("chat_id", Tree(std::to_string(chat.chat.value())));
    im.Set("message_id", Tree(std::to_string(message.message.value())));
    Tree external;
    external.Set("id", Tree(chat.place.external_chat_id.value()));
    Tree made;
    made.Set("im", std::move(im));
    if (!id.empty()) made.Set("message", Tree()).Set("id", Tree(id));
    made.Set("chat", std::move(external));
    return made;
  };
  Tree list;
  for (const ExternalMessageId& id : message.ids) list.Append(element(id.value()));
  if (message.ids.empty()) list.Append(element({}));
  Tree data;
  data.Set("CONNECTOR", Tree(chat.place.connector.value()));
  data.Set("LINE", Tree(std::to_string(chat.place.line.value())));
  data.Set("MESSAGES", std::move(list));
  return data;
}

}  // namespace

Seen DeletedIn(const ReadbackChat& chat, const std::vector<ChatMessage>& answer) {
  Seen seen;
  if (answer.empty()) return seen;
  const auto oldest =
      std::min_element(answer.begin(), answer.end(),
                       [](const ChatMessage& a, const ChatMessage& b) { return a.id < b.id; });
  for (const ReadbackMessage& message : chat.messages) {
    // What is older than all of them is on another page, or not for this user's eyes.
    if (message.message < oldest->id) continue;
    seen.looked_at.push_back(message.message);
    const auto found = std::find_if(answer.begin(), answer.end(), [&](const ChatMessage& one) {
      return one.id == message.message;
    });
    if (found == answer.end() || found->deleted) seen.deleted.push_back(message);
  }
  return seen;
}

Readback::Readback(ReadbackStore& store, Ingest& ingest, PortalApi& api, const Clock& clock)
    : store_(store), ingest_(ingest), api_(api), clock_(clock) {}

Result<bool> Readback::LookAtOne() {
  Result<std::optional<ReadbackChat>> due = store_.TakeReadback(clock_.Now());
  if (!due) return Fail(std::move(due).error());
  if (!*due) return false;
  const ReadbackChat& chat = **due;
  if (chat.messages.empty()) return true;
  const MessageId before(chat.messages.back().message.value() + 1);
  // No patience: whatever else wants the portal goes first.
  const CallResultOf<std::vector<ChatMessage>> answer =
      ReadChatMessages(api_.Send(chat.portal.member_id, GetChatMessages(chat.chat, before),
                                 std::chrono::milliseconds(0)),
                       chat.chat);
  if (!answer) {
    if (Status failed = Failed(chat, answer.error()); !failed) return Fail(failed.error());
    return true;
  }
  Seen seen = DeletedIn(chat, *answer);
  if (Status taken = Take(chat, seen.deleted); !taken) {
    if (taken.error().code == ErrorCode::kUnavailable) return Fail(std::move(taken).error());
    // A fault of our own holds up no other portal.
    Status postponed = Postpone(chat.portal, taken.error().message);
    if (!postponed) return Fail(std::move(postponed).error());
    return true;
  }
  failures_.erase(chat.portal.id);
  Failpoint("recovery.readback_journalled");
  // What such an answer tells nothing of, it never will.
  if (seen.looked_at.empty()) {
    for (const ReadbackMessage& message : chat.messages) seen.looked_at.push_back(message.message);
  }
  if (Status ended = store_.EndReadback(chat, seen.looked_at); !ended) {
    return Fail(std::move(ended).error());
  }
  return true;
}

Status Readback::Take(const ReadbackChat& chat, const std::vector<ReadbackMessage>& deleted) {
  for (const ReadbackMessage& message : deleted) {
    UnpostedEvent unposted;
    unposted.member_id = chat.portal.member_id;
    unposted.source = EventSource::kReadback;
    unposted.name = WireName(EventKind::kMessageDelete);
    unposted.data = DataOf(chat, message);
    Result<Committed> committed = ingest_.TakeUnposted(unposted);
    if (!committed) {
      const ErrorCode code = committed.error().code;
      // The portal is gone meanwhile, and what waits goes with it.
      if (code == ErrorCode::kNotFound || code == ErrorCode::kUnauthenticated) return {};
      return Fail(std::move(committed).error());
    }
    if (committed->answer != Committed::Answer::kAccepted) continue;
    Count("imrelay_deletions_found_total", {{"source", "readback"}});
    Log(LogLevel::kInfo, "deletion read back",
        {{"member_id", chat.portal.member_id.value()},
         {"message_id", std::to_string(message.message.value())}});
  }
  return {};
}

Status Readback::Failed(const ReadbackChat& chat, const CallError& error) {
  const PortalId portal = chat.portal.id;
  const TimePoint now = clock_.Now();
  if (error.word == kNoAccess) return store_.RefuseReadback(portal, chat.chat, now);
  if (error.word == "too_many_keys" || error.word == "body_too_large") {
    // It would be no smaller the next time.
    std::vector<MessageId> all;
    for (const ReadbackMessage& message : chat.messages) all.push_back(message.message);
    return store_.EndReadback(chat, all);
  }
  if (error.word == "insufficient_scope" || error.word == "error_method_not_found") {
    return store_.DropReadback(portal);
  }
  if (!error.unsent) return Postpone(chat.portal, error.word, error.not_before);
  ++failures_[portal];
  const TimePoint due = now + Backoff(0, kShortestPause, kShortestPause);
  return store_.PostponeReadback(portal, std::max(due, error.not_before.value_or(due)));
}

Status Readback::Postpone(const PortalAccess& portal, const std::string& reason,
                          std::optional<TimePoint> not_before) {
  const int failures = failures_[portal.id]++;
  if (failures == 0) {
    Log(LogLevel::kWarning, "reading back",
        {{"outcome", "postponed"}, {"member_id", portal.member_id.value()}, {"reason", reason}});
  }
  const TimePoint due = clock_.Now() + Backoff(failures, kShortestPause, kLongestPause);
  return store_.PostponeReadback(portal.id, std::max(due, not_before.value_or(due)));
}

}  // namespace imrelay
