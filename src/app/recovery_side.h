#pragma once

#include "app/background_loop.h"
#include "app/bitrix24_side.h"
#include "app/config.h"
#include "app/service.h"
#include "base/clock.h"
#include "ingest/ingest.h"
#include "recovery/offline_queue.h"
#include "recovery/readback.h"

namespace imrelay {

// What looks for events that Bitrix24 lost, for a worker. One process at a time does each, held by
// the files DATABASE-offline and DATABASE-readback.
class RecoverySide {
 public:
  // Keeps references. Begins to look.
  RecoverySide(const Config& config, Service& service, Bitrix24Side& bitrix24, Ingest& ingest,
               const Clock& clock);

  // Begins no further call. Returns at once; the destructor waits for the call under way.
  void Stop();

 private:
  OfflineQueue offline_queue_;
  Readback readback_;
  // Last: they end before what they use.
  BackgroundLoop offline_reads_;
  BackgroundLoop readbacks_;
};

}  // namespace imrelay
