#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "store/channel_store.h"
#include "store/sqlite/database.h"

namespace imrelay {

// What was answered to this request before; none when it is a new one.
// Errors: kConflict with idempotency_key when it came with another content.
Result<std::optional<Queued>> FindAnswered(Database& database, const ChannelRequest& request);

// Keeps the answer for kIdempotencyTime, and lets go of a few older ones.
Status RememberAnswer(Database& database, const ChannelRequest& request, const Queued& answer);

// The portal of a request. Errors: kNotFound with unknown_portal, also where no installation was
// proven yet; kConflict with uninstalled.
Result<PortalId> FindInstalled(Database& database, const MemberId& member_id);

// ChannelStore::NameMessage inside a writer's job.
struct Naming {
  const MemberId& member_id;
  const ConnectorId& connector;
  LineId line;
  MessageId message;
  const std::vector<ExternalMessageId>& ids;
};
Result<Queued> NameMessageByChannel(Database& database, const ChannelRequest& request,
                                    const Naming& naming);

}  // namespace imrelay
