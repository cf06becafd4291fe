#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "store/outbox.h"

namespace imrelay {

// A configured channel, and the fingerprint of its address as it is now; see EndpointState.
struct ChannelAddress {
  std::string name;
  std::string fingerprint;
};

// What is remembered of each of `channels`, in their order: kClosed where nothing is, or only
// something of another address. What is remembered of channels that are configured no more is not
// among it.
inline std::vector<EndpointState> StatesOf(const std::vector<ChannelAddress>& channels,
                                           const std::vector<EndpointState>& remembered) {
  std::vector<EndpointState> states;
  for (const ChannelAddress& channel : channels) {
    const auto row =
        std::find_if(remembered.begin(), remembered.end(), [&channel](const EndpointState& one) {
          return one.name == channel.name && one.fingerprint == channel.fingerprint;
        });
    EndpointState unknown;
    unknown.name = channel.name;
    unknown.fingerprint = channel.fingerprint;
    states.push_back(row == remembered.end() ? unknown : *row);
  }
  return states;
}

}  // namespace imrelay
