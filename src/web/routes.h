#pragma once

#include "ingest/ingest.h"
#include "store/store.h"
#include "web/http.h"

namespace imrelay {

// Answers every request of the contract's paths. Thread-safe. Logs one line an event.
class Routes {
 public:
  Routes(Ingest& ingest, Store& store);

  // Gives the answer, whatever the request.
  Response Handle(const Request& request);

 private:
  Response PostEvent(const Request& request);
  Response Ready();

  Ingest& ingest_;
  Store& store_;
};

}  // namespace imrelay
