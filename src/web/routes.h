#pragma once

#include "ingest/ingest.h"
#include "store/store.h"
#include "web/http.h"

namespace imrelay {

// Answers every request of the contract's paths. Thread-safe. Logs one line an event.
class Routes {
 public:
  Routes(Ingest& ingest, Store& store);

  // Answers, whatever the request: an event when it is on disk, perhaps after this has returned.
  void Handle(const Request& request, Reply reply);

 private:
  void PostEvent(const Request& request, Reply reply);
  void CheckReady(Reply reply);

  Ingest& ingest_;
  Store& store_;
};

}  // namespace imrelay
