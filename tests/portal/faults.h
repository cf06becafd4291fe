#pragma once

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/portal/php_value.h"

namespace imrelay::stand_in {

// How a call, or an event, is spoilt.
struct PlannedFault {
  // Where: "token", "app.info" (the authorization server's), the name of a REST method,
  // "portal.app.info", "rest" (any method), "event" (any event) or the name of an event.
  std::string endpoint;
  // Of calls: down, drop_after, cut, slow, http500, html, empty, redirect, error.
  // Of events: lose, double, hold (until the next event of the portal has been sent), slow.
  std::string mode;
  std::string member_id;    // of this portal only; empty: any
  int count = 1;            // how many times
  int skip = 0;             // how many are left alone first
  double share = 0;         // of all, 0 to 1, by chance, instead of every one
  int status = 200;         // of error, html, redirect
  std::string error;        // of error
  std::string description;  // of error
  std::string location;     // of redirect
  int delay_ms = 0;         // of slow
  int reset_after = 0;      // seconds to operating_reset_at, of OPERATION_TIME_LIMIT
  int retry_after = 0;      // seconds of a Retry-After header; 0: none
};

// The faults that are planned. Not thread-safe.
class Faults {
 public:
  // Takes the place of the one planned for the same endpoint and portal, unless one of them has a
  // share: shares add up. False when its mode is no mode. Besides the modes above an error's word
  // is one ("expired_token", "QUERY_LIMIT_EXCEEDED", ...), with the status that Bitrix24 gives it.
  bool Plan(PlannedFault fault);
  void Clear();

  // The fault for this call, if one is planned, used up by that. The first name is the most
  // particular one.
  std::optional<PlannedFault> Take(const std::vector<std::string>& endpoints,
                                   const std::string& member_id);

  PhpValue Describe() const;

 private:
  std::vector<PlannedFault> planned_;
  std::mt19937 random_;
};

}  // namespace imrelay::stand_in
