#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace imrelay {

// Rows for people, as the views show them: times in ISO 8601, nothing for what is unknown.
struct Table {
  struct Cell {
    std::optional<std::string> text;
    bool number = false;  // the text is a decimal integer
  };
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

// What to report. A filter that is not set lets everything pass.
struct ReportQuery {
  enum class What {
    kPortals,
    kInstalledPortals,  // those proven and not uninstalled: member_id
    kPortal,
    kLines,                 // of a portal
    kWaitingInstallations,  // of a portal, newest first: received_at, attempts, last_error
    kMessages,
    kDeletions,  // of one line of a connector, which must be named
    kDeliveriesOfMessage,
    kDeliveries,
    kDelivery,
    kAttempts,  // of a delivery, the first one first
    kAccounts,  // by portal, line and day, from `since` on: what was received and how it ended
    kEvents,
    kEventsAfter,  // newer than event_id
    kEvent,
  };
  What what = What::kPortals;
  std::optional<std::string> member_id;
  std::optional<std::string> connector;
  std::optional<std::int64_t> line_id;
  std::optional<std::int64_t> chat_id;
  std::optional<std::int64_t> message_id;
  std::optional<std::string> external_chat_id;
  std::optional<std::string> external_message_id;
  std::optional<std::string> event;   // its name
  std::optional<std::string> status;  // of an event
  std::optional<std::int64_t> event_id;
  std::optional<std::int64_t> delivery_id;
  std::optional<std::string> kind;   // of a delivery
  std::optional<std::string> state;  // of a delivery
  TimePoint since;                   // of kAccounts, cut to its day
  int limit = 50;                    // newest first
};

}  // namespace imrelay
