#include "delivery/portal_sender.h"

#include <optional>
#include <utility>

#include "base/log.h"
#include "delivery/bell.h"
#include "delivery/portal_rounds.h"
#include "delivery/round_thread.h"

namespace imrelay {

struct PortalSender::Impl {
  Impl(Outbox& outbox, PortalApi& api, LeaseHolder holder, const Clock& clock, int threads)
      : caller([&api](const MemberId& member_id,
                      const Call& call) { return api.Send(member_id, call, {}); },
               clock),
        errands(caller, threads, bell),
        rounds(outbox, errands, holder, clock),
        thread(std::in_place, "deliveries to portals wait", bell,
               RoundThread::Work{[this] { return rounds.Round(); },
                                 [this] {
                                   caller.Stop();
                                   rounds.StopTaking();
                                 },
                                 [this] { return rounds.IsIdle(); }}) {}
  // What the last calls bring counts too, however long they take.
  ~Impl() {
    thread.reset();
    errands.End();
    if (rounds.IsIdle()) return;
    const Result<std::chrono::milliseconds> last = rounds.Round();
    if (last) return;
    Log(LogLevel::kError, "what portals took last is sent again",
        {{"because", last.error().message}});
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  PortalCaller caller;
  ErrandThreads errands;
  PortalRounds rounds;
  std::optional<RoundThread> thread;
};

PortalSender::PortalSender(Outbox& outbox, PortalApi& api, LeaseHolder holder, const Clock& clock,
                           int threads)
    : impl_(std::make_unique<Impl>(outbox, api, holder, clock, threads)) {}

PortalSender::~PortalSender() = default;

void PortalSender::Wake() { impl_->bell->Ring(); }

void PortalSender::Stop() { impl_->thread->Stop(); }

}  // namespace imrelay
