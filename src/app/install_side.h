#pragma once

#include "app/background_loop.h"
#include "app/bitrix24_side.h"
#include "app/config.h"
#include "app/service.h"
#include "base/clock.h"
#include "ingest/ingest.h"
#include "install/prover.h"
#include "install/upkeep.h"
#include "install/visits.h"
#include "web/pages.h"

namespace imrelay {

// What a worker does for installations: proves them, keeps the portals registered and their tokens
// alive, and shows the pages. Of several processes one proves and one keeps up, held by the files
// DATABASE-proofs and DATABASE-upkeep. Thread-safe.
class InstallSide {
 public:
  // Keeps references. Begins to work.
  InstallSide(const Config& config, Service& service, Bitrix24Side& bitrix24, Ingest& ingest,
              const Clock& clock);

  // Answers a request to a page; see PagePosts in web/routes.h.
  void Handle(PageKind kind, const std::string& application, const Request& request, Tree body,
              Reply reply);

  // Begins nothing further, the pages before the proofs: a page may be waiting for one.
  void Stop();

 private:
  Prover prover_;
  Upkeep upkeep_;
  Visits visits_;
  Pages pages_;
  // Last: they end before what they use.
  BackgroundLoop proofs_;
  BackgroundLoop held_tokens_;
  BackgroundLoop upkeeps_;
};

}  // namespace imrelay
