#include "tests/store/store_bench.h"

#include <doctest/doctest.h>

#include <cstring>

#include "base/await.h"

namespace imrelay {
namespace {

std::vector<ExternalMessageId> Ids(const std::vector<std::string>& texts) {
  std::vector<ExternalMessageId> ids;
  for (const std::string& text : texts) ids.emplace_back(text);
  return ids;
}

std::string WordOf(const Error& error) {
  static const char* const kWords[] = {"invalid_argument", "unauthenticated", "not_found",
                                       "conflict",         "rate_limited",    "unavailable",
                                       "internal"};
  return kWords[static_cast<std::size_t>(error.code)];
}

}  // namespace

std::unique_ptr<SqliteStore> StoreBench::Open(const std::string& path) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);
  REQUIRE(store.has_value());
  return *std::move(store);
}

void StoreBench::FinishErasures() {
  Result<bool> more = true;
  while (more && *more) more = store_->EraseNext();
  REQUIRE(more.has_value());
}

TokenHash StoreBench::Token(char letter) {
  TokenHash hash;
  hash.fill(static_cast<std::uint8_t>(letter));
  return hash;
}

EventKey StoreBench::FreshKey() {
  EventKey key{};
  ++keys_;
  std::memcpy(key.data(), &keys_, sizeof keys_);
  return key;
}

InstallationRequest StoreBench::Request(const std::string& member_id, char token) {
  InstallationRequest request;
  request.journal = Entry("ONAPPINSTALL");
  request.member_id = MemberId(member_id);
  request.token = Token(token);
  request.sealed_access_token = "sealed access";
  request.sealed_refresh_token = "sealed refresh";
  request.server_endpoint = "https://auth.example/rest/";
  return request;
}

InstallationId StoreBench::Post(const std::string& member_id, char token) {
  REQUIRE(imrelay::WordOf(Add(Request(member_id, token))) == "accepted");
  return PortalOf(member_id).waiting.at(0).id;
}

void StoreBench::Accept(InstallationId id, const std::string& member_id) {
  ProvenInstallation proven;
  proven.client_endpoint = "https://" + member_id + ".example/rest/";
  proven.domain = member_id + ".example";
  proven.scope = "imconnector,imopenlines";
  proven.sealed_access_token = "new access";
  proven.sealed_refresh_token = "new refresh";
  proven.token_expires_at = clock.Now() + std::chrono::hours(1);
  REQUIRE(store().AcceptInstallation(id, proven, clock.Now()).has_value());
}

void StoreBench::Install(const std::string& member_id, char token) {
  Accept(Post(member_id, token), member_id);
}

Portal StoreBench::PortalOf(const std::string& member_id) {
  const Result<std::optional<Portal>> portal = store().FindPortal(MemberId(member_id));
  REQUIRE(portal.has_value());
  REQUIRE(portal->has_value());
  return **portal;
}

JournalEntry StoreBench::Entry(const std::string& name) {
  JournalEntry entry;
  entry.key = FreshKey();
  entry.name = name;
  entry.received_at = clock.Now();
  entry.ts = UnixSeconds(clock.Now());
  entry.body = "event=" + name;
  return entry;
}

Plan StoreBench::PlanOf(const std::string& member_id, std::vector<Change> changes) {
  const Portal portal = PortalOf(member_id);
  Plan plan;
  plan.member_id = portal.member_id;
  plan.portal = portal.id;
  plan.revision = portal.revision;
  plan.journal = Entry();
  plan.changes = std::move(changes);
  return plan;
}

Plan StoreBench::WaitingPlan(const std::string& member_id, InstallationId id) {
  Plan plan = PlanOf(member_id, {});
  plan.waits_for = id;
  return plan;
}

std::string StoreBench::Commit(Plan plan) { return imrelay::WordOf(CommitResult(std::move(plan))); }

Result<Committed> StoreBench::Add(InstallationRequest request) {
  return Await<Result<Committed>>(
      [&](Store::Done done) { store().AddInstallation(std::move(request), std::move(done)); });
}

Result<Committed> CommitTo(Store& store, Plan plan) {
  const auto refuse = [](Plan&, const Portal*) -> Status {
    return Fail(ErrorCode::kConflict, "the portal has changed");
  };
  return Await<Result<Committed>>(
      [&](Store::Done done) { store.Commit(std::move(plan), refuse, std::move(done)); });
}

Status CheckReady(Store& store) {
  return Await<Status>(
      [&](std::function<void(Status)> done) { store.CheckReady(std::move(done)); });
}

std::string WordOf(const Result<Committed>& committed) {
  if (!committed) return WordOf(committed.error());
  switch (committed->answer) {
    case Committed::Answer::kAccepted:
      return "accepted";
    case Committed::Answer::kDuplicate:
      return "duplicate";
    case Committed::Answer::kIgnored:
      return "ignored: " + committed->reason;
  }
  return "nothing known";
}

std::string WordOf(const Status& status) {
  return status ? std::string("done") : WordOf(status.error());
}

Place PlaceOf(const std::string& connector, std::int64_t line, const std::string& chat) {
  return Place{ConnectorId(connector), LineId(line), ExternalChatId(chat)};
}

MessageCreated Created(std::int64_t message, Place place) {
  return {std::move(place), ChatId(1807), MessageId(message), R"({"text":"hello"})"};
}

MessageUpdated Updated(std::int64_t message, std::vector<std::string> ids, Place place) {
  return {std::move(place), ChatId(1807), MessageId(message), Ids(ids), R"({"text":"edited"})"};
}

MessageDeleted Deleted(std::int64_t message, std::vector<std::string> ids, Place place) {
  return {std::move(place), ChatId(1807), MessageId(message), Ids(ids)};
}

}  // namespace imrelay
