#include "app/doctor_outbox.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "admin/outbox_checks.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {

Findings CheckOutboxOf(const Config& config) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(config.database_path);
  if (!store) return {};
  Result<OutboxLevels> levels = (*store)->FindLevels();
  Result<std::vector<EndpointState>> endpoints = (*store)->Endpoints();
  if (!levels || !endpoints) return {};
  const bool configured =
      std::any_of(config.channels.begin(), config.channels.end(),
                  [](const auto& channel) { return channel.second.is_configured(); });
  return CheckOutbox({*std::move(levels), *std::move(endpoints), configured}, SystemClock().Now());
}

}  // namespace imrelay
