#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "app/settings.h"
#include "base/result.h"
#include "base/secret.h"

namespace imrelay {

// What [channel] and the [[line]] tables say, into `config`. Errors: as LoadConfig.
Status ReadChannels(const Settings& settings, Config& config);

// The names of the channels in the order in which they are tried for a line: the more exact before
// the less exact (portal before line before connector), then the unnamed one.
std::vector<std::string> ChannelOrder(const Config& config);

// What a secret must be once it is opened, which a sealed one is not before the key file is there.
// Each is empty, or the sentence that says what would be right.
std::string FaultOfSigningSecret(const Secret& secret);
std::string FaultOfKey(ConfiguredChannel::Type type, const Secret& key);
std::string FaultOfToken(const Secret& token);

}  // namespace imrelay
