#pragma once

#include "base/clock.h"
#include "ingest/ingest.h"
#include "store/store.h"
#include "web/http.h"

namespace imrelay {

// Answers every request of the contract's paths. Thread-safe. Logs one line an event.
class Routes {
 public:
  Routes(Ingest& ingest, Store& store);

  // Always gives an answer; never throws.
  Response Handle(const Request& request);

 private:
  Response PostEvent(const Request& request);

  Ingest& ingest_;
  Store& store_;
};

}  // namespace imrelay
