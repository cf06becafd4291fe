#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "delivery/channel_directory.h"
#include "http/async_client.h"
#include "store/channel_states.h"

namespace imrelay {

// The configured channels in ChannelOrder, their secrets opened. One that is not configured is not
// there. Keeps references to `http`, which may
// call any address, and to `clock`.
// Errors: kInvalidArgument, naming the key: as OpenSecret, and a sealed value that is no such
// secret.
Result<std::unique_ptr<ChannelDirectory>> OpenChannels(const Config& config, const Keyring& keyring,
                                                       AsyncHttpClient& http, const Clock& clock);

// Those that are configured, in ChannelOrder. Errors: as OpenSecret.
Result<std::vector<ChannelAddress>> AddressesOf(const Config& config, const Keyring& keyring);

// What tells a channel's address from another one, see EndpointState. Errors: as OpenSecret.
Result<std::string> FingerprintOf(const ConfiguredChannel& channel, const Keyring& keyring);

}  // namespace imrelay
