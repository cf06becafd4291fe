#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace imrelay {

// Knows one portal and answers as the test says. Calls that no request makes fail.
class ScriptedStore final : public Store {
 public:
  std::optional<Portal> portal;
  Result<Committed> committed = Committed{};  // the answer to every event and installation
  Status ready;
  std::function<Result<Table>(const ReportQuery&)> report;
  std::vector<JournalEntry> journal;  // what was to be committed
  std::vector<InstallationRequest> installations;

  Result<std::optional<Portal>> FindPortal(const MemberId& member_id) override {
    if (portal && portal->member_id == member_id) return portal;
    return std::optional<Portal>();
  }
  void Commit(Plan plan, Replan, Done done) override {
    journal.push_back(plan.journal);
    done(committed);
  }
  void AddInstallation(InstallationRequest request, Done done) override {
    journal.push_back(request.journal);
    installations.push_back(std::move(request));
    done(committed);
  }
  void CheckReady(std::function<void(Status)> done) override { done(ready); }

  Result<std::vector<WaitingEvent>> WaitingEvents(int) override { return None(); }
  Result<std::optional<InstallationWork>> TakeInstallation(TimePoint) override { return None(); }
  Status RecordRefreshSent(InstallationId, TimePoint) override { return None(); }
  Status RecordGrant(InstallationId, const ProvenInstallation&) override { return None(); }
  Status AcceptInstallation(InstallationId, const ProvenInstallation&, TimePoint) override {
    return None();
  }
  Status RefuseInstallation(InstallationId, const std::string&, TimePoint) override {
    return None();
  }
  Status PostponeInstallation(InstallationId, const std::string&, TimePoint) override {
    return None();
  }
  Result<std::optional<JournalledEvent>> FindEvent(EventId) override { return None(); }
  Result<Table> Report(const ReportQuery& query) override {
    return report ? report(query) : Result<Table>(None());
  }
  Status RemovePortal(const MemberId&, TimePoint) override { return None(); }

 private:
  static tl::unexpected<Error> None() { return Fail(ErrorCode::kInternal, "no request does this"); }
};

}  // namespace imrelay
