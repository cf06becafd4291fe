#include "store/sqlite/channel_rows.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "store/sqlite/installation_rows.h"
#include "store/sqlite/message_rows.h"
#include "store/sqlite/naming_rows.h"

namespace imrelay {
namespace {

// What the mapping knows of a message: its line and its ids.
struct Mapped {
  std::int64_t line = 0;
  bool known = false;
  std::set<std::string> ids;
};

Result<Mapped> FindMapped(Database& database, PortalId portal, const Naming& naming) {
  Mapped mapped;
  Statement& line = database.Prepare(sql::kLineFind);
  line.Bind(portal.value()).Bind(naming.connector.value());
  Result<bool> row = line.Bind(naming.line.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return mapped;
  mapped.line = line.Integer(0);
  Statement& find = database.Prepare(sql::kMessageRows);
  find.Bind(mapped.line).Bind(naming.message.value());
  while (true) {
    row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return mapped;
    mapped.known = true;
    if (!find.IsNull(0)) mapped.ids.insert(find.Text(0));
  }
}

Result<Queued> DeliveryOfNaming(Database& database, std::int64_t line, MessageId message) {
  Statement& find = database.Prepare(sql::kDeliveryOfNaming);
  Result<bool> row = find.Bind(line).Bind(message.value()).Step();
  if (!row) return Fail(std::move(row).error());
  return Queued{*row ? DeliveryId(find.Integer(0)) : DeliveryId(), true};
}

Result<Queued> Name(Database& database, PortalId portal, TimePoint now, const Naming& naming) {
  Result<Mapped> mapped = FindMapped(database, portal, naming);
  if (!mapped) return Fail(std::move(mapped).error());
  if (!mapped->known) {
    return Fail(ErrorCode::kNotFound, "no message of that number is known on that line",
                "unknown_message");
  }
  if (mapped->ids.empty()) {
    const ChangeContext context{database, portal, now, {}};
    Result<DeliveryId> named = NameMessageRows(context, mapped->line, naming.message, naming.ids);
    if (!named) return Fail(std::move(named).error());
    return Queued{*named};
  }
  const bool same =
      std::all_of(naming.ids.begin(), naming.ids.end(),
                  [&](const ExternalMessageId& id) { return mapped->ids.contains(id.value()); });
  if (same) return DeliveryOfNaming(database, mapped->line, naming.message);
  return Fail(ErrorCode::kConflict, "the message has other ids already", "known_ids");
}

}  // namespace

Result<std::optional<Queued>> FindAnswered(Database& database, const ChannelRequest& request) {
  if (!request.key) return std::optional<Queued>();
  Statement& find = database.Prepare(sql::kRequestFind);
  Result<bool> row = find.BindBlob(*request.key).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<Queued>();
  const std::string_view content(reinterpret_cast<const char*>(request.content.data()),
                                 request.content.size());
  if (find.Text(0) != content) {
    return Fail(ErrorCode::kConflict, "the same idempotency key came with another request",
                "idempotency_key");
  }
  return std::optional(Queued{DeliveryId(find.Integer(1)), true});
}

Status RememberAnswer(Database& database, const ChannelRequest& request, const Queued& answer) {
  if (!request.key) return {};
  Statement& prune = database.Prepare(sql::kRequestsPrune);
  if (Status done = prune.Bind(UnixSeconds(request.now - kIdempotencyTime)).Run(); !done) {
    return done;
  }
  Statement& insert = database.Prepare(sql::kRequestInsert);
  insert.BindBlob(*request.key).BindBlob(request.content).Bind(answer.delivery.value());
  return insert.Bind(UnixSeconds(request.now)).Run();
}

Result<PortalId> FindInstalled(Database& database, const MemberId& member_id) {
  Result<std::optional<Portal>> portal = FindPortalRow(database, member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (!*portal || (*portal)->status == PortalStatus::kPending) {
    return Fail(ErrorCode::kNotFound, "no such portal has installed the application",
                "unknown_portal");
  }
  if ((*portal)->status == PortalStatus::kUninstalled) {
    return Fail(ErrorCode::kConflict, "the application is not installed there any more",
                "uninstalled");
  }
  return (*portal)->id;
}

namespace {

// The portal of a message whose ids are told. Errors: those of FindInstalled.
Result<PortalId> FindNaming(Database& database, const Naming& naming) {
  Result<PortalId> installed = FindInstalled(database, naming.member_id);
  if (installed || installed.error().code != ErrorCode::kConflict) return installed;
  // After an uninstallation deletions still go out, and this one waits for the ids.
  Result<std::optional<Portal>> portal = FindPortalRow(database, naming.member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (!*portal) return installed;
  Result<Mapped> mapped = FindMapped(database, (*portal)->id, naming);
  if (!mapped) return Fail(std::move(mapped).error());
  Statement& open = database.Prepare(sql::kUnnamedDeletionFind);
  Result<bool> waits = open.Bind(naming.message.value()).Bind(mapped->line).Step();
  if (!waits) return Fail(std::move(waits).error());
  if (*waits) return (*portal)->id;
  return installed;
}

}  // namespace

Result<Queued> NameMessageByChannel(Database& database, const ChannelRequest& request,
                                    const Naming& naming) {
  Result<std::optional<Queued>> answered = FindAnswered(database, request);
  if (!answered) return Fail(std::move(answered).error());
  if (*answered) return **answered;
  Result<PortalId> portal = FindNaming(database, naming);
  if (!portal) return Fail(std::move(portal).error());
  Result<Queued> queued = Name(database, *portal, request.now, naming);
  if (!queued) return Fail(std::move(queued).error());
  if (Status kept = RememberAnswer(database, request, *queued); !kept) {
    return Fail(std::move(kept).error());
  }
  return queued;
}

}  // namespace imrelay
