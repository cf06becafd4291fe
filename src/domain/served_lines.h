#pragma once

#include <compare>
#include <optional>

#include "domain/ids.h"

namespace imrelay {

// Which lines something serves; what is not set fits every one.
struct ServedLines {
  std::optional<MemberId> portal;
  std::optional<ConnectorId> connector;
  std::optional<LineId> line;

  friend auto operator<=>(const ServedLines&, const ServedLines&) = default;

  // Never what belongs to no line.
  bool Include(const MemberId& its_portal, const ConnectorId& its_connector,
               LineId its_line) const {
    return its_line != LineId() && Fits(portal, its_portal) && Fits(connector, its_connector) &&
           Fits(line, its_line);
  }

 private:
  template <class T>
  static bool Fits(const std::optional<T>& wanted, const T& value) {
    return !wanted || *wanted == value;
  }
};

}  // namespace imrelay
