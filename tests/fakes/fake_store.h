#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace imrelay {

// Keeps installations in memory. Every other call fails: what they do is the real store's to show.
class FakeStore final : public Store {
 public:
  enum class State { kWaiting, kAccepted, kRefused };
  struct Installation {
    InstallationWork work;
    TimePoint due;
    State state = State::kWaiting;
    std::string reason;
    ProvenInstallation proven;
  };

  // Queues an installation, due at once.
  InstallationId Add(InstallationWork work) {
    const InstallationId id(static_cast<std::int64_t>(installations.size()) + 1);
    work.id = id;
    installations[id] = {std::move(work), TimePoint::min(), State::kWaiting, {}, {}};
    return id;
  }
  Installation& operator[](InstallationId id) { return installations.at(id); }

  Result<std::optional<InstallationWork>> TakeInstallation(TimePoint now) override {
    Installation* first = nullptr;
    for (auto& [id, candidate] : installations) {
      if (candidate.state != State::kWaiting || candidate.due > now) continue;
      if (first == nullptr || candidate.due < first->due) first = &candidate;
    }
    if (first == nullptr) return std::optional<InstallationWork>();
    InstallationWork work = first->work;
    ++first->work.attempts;
    return std::optional<InstallationWork>(std::move(work));
  }

  Status RecordRefreshSent(InstallationId id, TimePoint) override {
    if (fail_record) return Fail(ErrorCode::kUnavailable, "scripted fault");
    installations.at(id).work.refresh_was_sent = true;
    return {};
  }

  Status RecordGrant(InstallationId id, const ProvenInstallation& granted) override {
    if (fail_grant) return Fail(ErrorCode::kUnavailable, "scripted fault");
    InstallationWork& work = installations.at(id).work;
    work.granted = granted;
    work.sealed_access_token = granted.sealed_access_token;
    work.sealed_refresh_token = granted.sealed_refresh_token;
    return {};
  }

  Status AcceptInstallation(InstallationId id, const ProvenInstallation& proven,
                            TimePoint) override {
    if (fail_accept) return Fail(ErrorCode::kUnavailable, "scripted fault");
    installations.at(id).state = State::kAccepted;
    installations.at(id).proven = proven;
    return {};
  }

  Status RefuseInstallation(InstallationId id, const std::string& reason, TimePoint) override {
    installations.at(id).state = State::kRefused;
    installations.at(id).reason = reason;
    return {};
  }

  Status PostponeInstallation(InstallationId id, const std::string& reason,
                              TimePoint due) override {
    installations.at(id).reason = reason;
    installations.at(id).due = due;
    return {};
  }

  Result<std::optional<Portal>> FindPortal(const MemberId&) override { return None(); }
  void Commit(Plan, Replan, Done done) override { done(None()); }
  void AddInstallation(InstallationRequest, Done done) override { done(None()); }
  Result<std::vector<WaitingEvent>> WaitingEvents(int) override { return None(); }
  Result<std::optional<JournalledEvent>> FindEvent(EventId) override { return None(); }
  Result<Table> Report(const ReportQuery&) override { return None(); }
  Status RemovePortal(const MemberId&, TimePoint) override { return None(); }
  void CheckReady(std::function<void(Status)> done) override { done(None()); }

  std::map<InstallationId, Installation> installations;
  bool fail_record = false;
  bool fail_grant = false;
  bool fail_accept = false;

 private:
  static tl::unexpected<Error> None() {
    return Fail(ErrorCode::kInternal, "not kept by this fake");
  }
};

}  // namespace imrelay
