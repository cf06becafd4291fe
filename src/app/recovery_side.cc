#include "app/recovery_side.h"

#include <chrono>

namespace imrelay {
namespace {

constexpr std::chrono::milliseconds kPause{1000};

}  // namespace

RecoverySide::RecoverySide(const Config& config, Service& service, Bitrix24Side& bitrix24,
                           Ingest& ingest, const Clock& clock)
    : offline_queue_(*service.store, ingest, bitrix24.api, clock),
      readback_(*service.store, ingest, bitrix24.api, clock),
      offline_reads_({"offline queues wait", config.database_path + "-offline", kPause},
                     [this] { return offline_queue_.ReadOne(); }),
      readbacks_({"reading back waits", config.database_path + "-readback", kPause},
                 [this] { return readback_.LookAtOne(); }) {}

void RecoverySide::Stop() {
  offline_reads_.Stop();
  offline_queue_.Stop();
  readbacks_.Stop();
}

}  // namespace imrelay
