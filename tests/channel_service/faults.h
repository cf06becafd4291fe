#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/portal/php_value.h"

namespace imrelay::channel_service {

// How a call is spoilt.
struct Fault {
  std::string mode;     // see README.md
  std::string type;     // of calls of this type only, as in "message.deleted"; empty: any
  int count = 1;        // how many times
  int skip = 0;         // how many are left alone first
  double share = 0;     // of all calls, 0 to 1, instead of every one
  int delay_ms = 0;     // of slow
  int retry_after = 0;  // seconds, of 429 and 503; 0: no such header
};

// Whether the service itself refuses the call, and not something on the way.
bool IsRefusal(const Fault& fault);

// The faults that are planned. Not thread-safe.
class Faults {
 public:
  explicit Faults(std::uint64_t seed) : random_(seed) {}

  // One without a share takes the place of the one without a share for the same type. False when
  // its mode is no mode.
  bool Plan(Fault fault);
  void Clear() { planned_.clear(); }

  // The fault for this call, if one is planned, used up by that.
  std::optional<Fault> Take(std::string_view type);

  stand_in::PhpValue Describe() const;

 private:
  std::vector<Fault> planned_;
  std::mt19937_64 random_;
};

}  // namespace imrelay::channel_service
