#pragma once

#include <string>

#include "admin/reports.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "store/outbox.h"

namespace imrelay {

// How people write the name of the unnamed channel.
inline constexpr const char* kDefaultChannel = "default";

// `channel list`: the channels in the order in which they are tried for a line, with the lines they
// serve, the state of their endpoint (not configured, closed, which is well, open or off) and on
// how many lines something waits for them. Errors: the store's; as FingerprintOf.
Result<Output> ListChannels(const Config& config, const Keyring& keyring, Outbox& outbox,
                            OutputFormat format);

// `channel on`: whatever went wrong with the endpoint is forgotten; workers send within seconds.
// Errors: kNotFound, naming the channels there are; the store's; as FingerprintOf.
Result<Output> TurnChannelOn(const Config& config, const Keyring& keyring, Outbox& outbox,
                             const std::string& name, TimePoint now, OutputFormat format);

}  // namespace imrelay
