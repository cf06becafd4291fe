#include "delivery/channel_directory.h"

namespace imrelay {
namespace {

template <class T>
bool Fits(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

}  // namespace

const ChannelEntry* ChannelDirectory::Find(const MemberId& portal, const ConnectorId& connector,
                                           LineId line) const {
  const ChannelEntry* unnamed = nullptr;
  for (const ChannelEntry& entry : entries_) {
    if (entry.name.empty()) {
      unnamed = &entry;
    } else if (line != LineId() && Fits(entry.portal, portal) && Fits(entry.line, line) &&
               Fits(entry.connector, connector)) {
      return &entry;
    }
  }
  return unnamed;
}

}  // namespace imrelay
