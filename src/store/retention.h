#pragma once

#include <cstdint>

namespace imrelay {

// What does not stay for ever. The mapping does.
enum class Aging {
  kEvents,      // the journal
  kDeliveries,  // the ledger: what ended, with its attempts
};

// How far one walk through a table has come.
struct AgingWalk {
  std::int64_t after = 0;  // the row that was looked at last
  int erased = 0;
  bool end = false;
};

}  // namespace imrelay
