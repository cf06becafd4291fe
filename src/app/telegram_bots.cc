#include "app/telegram_bots.h"

#include <utility>

#include "app/service.h"

namespace imrelay {

Result<std::vector<TelegramBot>> OpenTelegramBots(const Config& config, const Keyring& keyring) {
  std::vector<TelegramBot> bots;
  for (const auto& [name, channel] : config.channels) {
    if (channel.type != ConfiguredChannel::Type::kTelegram) continue;
    Result<Secret> key = OpenSecret(channel.key, keyring);
    if (!key) return Fail(std::move(key).error());
    bots.push_back({name, *std::move(key), channel.lines.portal, channel.lines.line,
                    channel.lines.connector.value_or(ConnectorId(config.connector_id))});
  }
  return bots;
}

}  // namespace imrelay
