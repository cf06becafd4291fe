#include "app/install_side.h"

#include <chrono>
#include <utility>

#include "recovery/waiting_events.h"

namespace imrelay {
namespace {

// Looks several times a second, because another process may have taken the installation in.
constexpr std::chrono::milliseconds kProofPause{200};
constexpr std::chrono::milliseconds kUpkeepPause{1000};

Result<bool> ProveOne(Store& store, Ingest& ingest, Prover& prover) {
  Result<int> applied = ApplyWaitingEvents(store, ingest);
  if (!applied) return Fail(std::move(applied).error());
  return prover.ProveOne();
}

}  // namespace

InstallSide::InstallSide(const Config& config, Service& service, Bitrix24Side& bitrix24,
                         Ingest& ingest, const Clock& clock)
    : prover_(*service.store, service.keyring, bitrix24.authorization_server, bitrix24.calls,
              bitrix24.applications, clock),
      upkeep_(*service.store, bitrix24.tokens, bitrix24.registrar, clock),
      visits_(*service.store, *service.store, service.keyring, bitrix24.authorization_server,
              bitrix24.calls, bitrix24.applications, clock),
      pages_(visits_, bitrix24.registrar, bitrix24.api, *service.store, *service.store),
      proofs_(
          {"proofs wait", config.database_path + "-proofs", kProofPause},
          [this, &store = *service.store, &ingest] { return ProveOne(store, ingest, prover_); }),
      held_tokens_({"new tokens wait", {}, kUpkeepPause},
                   [&tokens = bitrix24.tokens] { return tokens.CommitHeld(); }),
      upkeeps_({"upkeep waits", config.database_path + "-upkeep", kUpkeepPause},
               [this] { return upkeep_.DoOne(); }) {}

void InstallSide::Handle(PageKind kind, const std::string& application, const Request& request,
                         Tree body, Reply reply) {
  pages_.Handle(kind, application, request, std::move(body), std::move(reply));
}

void InstallSide::Stop() {
  upkeeps_.Stop();
  pages_.Stop();
  proofs_.Stop();
  held_tokens_.Stop();
}

}  // namespace imrelay
