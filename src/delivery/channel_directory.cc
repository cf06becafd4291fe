#include "delivery/channel_directory.h"

#include "domain/served_lines.h"

namespace imrelay {

const ChannelEntry* ChannelDirectory::Find(const MemberId& portal, const ConnectorId& connector,
                                           LineId line) const {
  const ChannelEntry* unnamed = nullptr;
  for (const ChannelEntry& entry : entries_) {
    if (entry.name.empty()) {
      unnamed = &entry;
    } else if (ServedLines{entry.portal, entry.connector, entry.line}.Include(portal, connector,
                                                                              line)) {
      return &entry;
    }
  }
  return unnamed;
}

}  // namespace imrelay
