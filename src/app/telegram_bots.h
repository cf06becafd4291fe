#pragma once

#include <vector>

#include "app/config.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "web/telegram_updates.h"

namespace imrelay {

// The bots among the configured channels, their keys opened. Where one's clients' messages go, its
// [[line]] says by portal and line; without a connector there, it is ours. Errors: as OpenSecret.
Result<std::vector<TelegramBot>> OpenTelegramBots(const Config& config, const Keyring& keyring);

}  // namespace imrelay
