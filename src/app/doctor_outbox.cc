#include "app/doctor_outbox.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "admin/outbox_checks.h"
#include "app/channels.h"
#include "crypto/keyring.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {
namespace {

// Without a key file that opens nothing is known of the channels; another check says so.
std::vector<EndpointState> StatesOfChannels(const Config& config,
                                            const std::vector<EndpointState>& remembered) {
  const Result<Keyring> keyring = Keyring::Open(config.key_file);
  if (!keyring) return {};
  const Result<std::vector<ChannelAddress>> addresses = AddressesOf(config, *keyring);
  if (!addresses) return {};
  return StatesOf(*addresses, remembered);
}

bool IsServed(const Config& config, const OutboxLevels::Line& line) {
  // What belongs to no line and has no channel is cancelled.
  if (line.line == LineId()) return true;
  return std::any_of(config.channels.begin(), config.channels.end(), [&line](const auto& channel) {
    const auto& [name, configured] = channel;
    return configured.is_configured() &&
           (name.empty() || configured.lines.Include(line.member_id, line.connector, line.line));
  });
}

}  // namespace

Findings CheckOutboxOf(const Config& config) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(config.database_path);
  if (!store) return {};
  Result<OutboxLevels> levels = (*store)->FindLevels();
  Result<std::vector<EndpointState>> remembered = (*store)->Endpoints();
  if (!levels || !remembered) return {};
  OutboxSight sight;
  sight.levels = *std::move(levels);
  sight.endpoints = StatesOfChannels(config, *remembered);
  sight.channel_configured =
      std::any_of(config.channels.begin(), config.channels.end(),
                  [](const auto& channel) { return channel.second.is_configured(); });
  if (sight.channel_configured) {
    for (const OutboxLevels::Line& line : sight.levels.lines) {
      if (!IsServed(config, line)) sight.unserved.push_back(line);
    }
  }
  return CheckOutbox(sight, SystemClock().Now());
}

}  // namespace imrelay
