#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/channel_store.h"
#include "store/offline_store.h"
#include "store/outbox.h"
#include "store/portal_store.h"
#include "store/readback_store.h"
#include "store/retention.h"
#include "store/sqlite/database.h"
#include "store/sqlite/erasure_rows.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

namespace imrelay {

// The store on one SQLite file. See store.h, portal_store.h, outbox.h, channel_store.h,
// offline_store.h and readback_store.h.
class SqliteStore final : public Store,
                          public PortalStore,
                          public Outbox,
                          public ChannelStore,
                          public OfflineStore,
                          public ReadbackStore {
 public:
  // Opens the file, made with mode 0600 when there is none, and migrates it, patiently in any case.
  // Errors: those of Database::Open and Migrate.
  static Result<std::unique_ptr<SqliteStore>> Open(const std::string& path,
                                                   Patience patience = Patience::kOfCommands);

  // Opens a file that exists and changes nothing about it, for commands that look.
  // Errors: kUnavailable when there is none, kInvalidArgument when its schema is not current.
  static Result<std::unique_ptr<SqliteStore>> OpenExisting(const std::string& path);

  // Binds the database to a key file by its fingerprint: the first one stays.
  // Errors: kInvalidArgument when the database belongs to another key file.
  Status BindToKey(const std::string& fingerprint);

  // The fingerprint of the key file it is bound to; empty when BindToKey was never done. Only
  // reads.
  Result<std::string> BoundKey();

  // Erases of the next rows of a table, those behind the row `after`, what is from before `before`
  // and not needed any more, in commits of a few rows each. Not: what waits, is still to be sent,
  // or proves that a portal is installed and that its events come through; of what stays, texts go.
  // That a message was never sent stays known until it is deleted. What is erased stays counted.
  Result<AgingWalk> EraseAged(Aging table, std::int64_t after, TimePoint before, TimePoint now);

  // Goes on erasing what portals left that were uninstalled with CLEAN: a few rows, in one commit.
  // False when there is nothing. One thread at a time.
  Result<bool> EraseNext();

  // Makes due what waits for a time that the clock, which went back, has left again: deliveries,
  // proofs, reading offline queues and reading back. Returns whether there may be more of it.
  Result<bool> MakeAheadDue(TimePoint now);

  Result<std::optional<Portal>> FindPortal(const MemberId& member_id) override;
  void Commit(Plan plan, Replan replan, Done done) override;
  void AddInstallation(InstallationRequest request, Done done) override;
  Result<std::vector<WaitingEvent>> WaitingEvents(int limit) override;
  Result<std::optional<JournalledEvent>> FindEvent(EventId id) override;
  Result<std::optional<InstallationWork>> TakeInstallation(TimePoint now) override;
  Status RecordRefreshSent(InstallationId id, TimePoint now) override;
  Status RecordGrant(InstallationId id, const ProvenInstallation& granted) override;
  Status AcceptInstallation(InstallationId id, const ProvenInstallation& proven,
                            TimePoint now) override;
  Status RefuseInstallation(InstallationId id, const std::string& reason, TimePoint now) override;
  Status PostponeInstallation(InstallationId id, const std::string& reason, TimePoint due) override;
  Result<Table> Report(const ReportQuery& query) override;
  Status RemovePortal(const MemberId& member_id, TimePoint now) override;
  void CheckReady(std::function<void(Status)> done) override;

  Result<std::optional<PortalAccess>> FindAccess(const MemberId& member_id) override;
  Result<std::vector<PortalAccess>> ListAccess() override;
  Result<bool> ReplaceTokens(PortalId portal, std::int64_t chain, const ProvenInstallation& granted,
                             TimePoint now) override;
  Status MarkDead(PortalId portal, std::int64_t chain, const std::string& reason,
                  TimePoint now) override;
  Status MarkUninstalled(PortalId portal, std::int64_t chain, TimePoint now) override;
  Result<Registration> FindRegistration(PortalId portal) override;
  Status RecordRegistration(const PortalAccess& portal, const Registration& done, TimePoint now,
                            TimePoint next) override;
  Result<std::vector<PortalAccess>> DueForUpkeep(TimePoint now, int limit) override;
  Status ScheduleUpkeep(const PortalAccess& portal, TimePoint due) override;
  Status SetLine(PortalId portal, const ConnectorId& connector, LineId line, bool active,
                 TimePoint now) override;
  Result<InstallationState> FindInstallationState(EventId installation_event) override;
  Result<DeletionOutlook> FindOutlook(PortalId portal, TimePoint now) override;
  Result<std::map<std::string, std::int64_t>> CountPortals() override;
  Result<int> ResealTokens(const Reseal& reseal) override;

  Result<Queued> QueueIncoming(const ChannelRequest& request,
                               const IncomingMessage& message) override;
  Result<Queued> NameMessage(const ChannelRequest& request, const MemberId& member_id,
                             const ConnectorId& connector, LineId line, MessageId message,
                             const std::vector<ExternalMessageId>& ids) override;
  Status RetryDelivery(DeliveryId id, TimePoint now) override;
  Result<int> RetryFailed(const ReportQuery& which, TimePoint now) override;
  Status CancelDelivery(DeliveryId id, TimePoint now) override;
  Result<OutboxLevels> FindLevels() override;

  void OnQueued(std::function<void()> queued) override;
  Result<std::vector<ReadyQueue>> FindReady(Target target) override;
  void StartTurn(std::vector<Settlement> settled, Target target, std::vector<Ask> asks,
                 LeaseHolder holder, TimePoint now, Taken taken) override;
  Status ReleaseLeases(LeaseHolder holder) override;
  Result<std::vector<EndpointState>> Endpoints() override;
  Status SetEndpoint(const EndpointState& state) override;
  Result<bool> ReplaceEndpoint(const EndpointState& known, const EndpointState& state) override;

  Status MakeOfflineReadsDue(TimePoint now) override;
  Result<std::optional<PortalAccess>> BeginOfflineRead(TimePoint now, TimePoint next) override;
  Status EndOfflineRead(PortalId portal, const OfflineRead& read, TimePoint now) override;
  Result<OfflineQueueState> FindOfflineQueue(PortalId portal) override;
  Status SetOfflineExtended(PortalId portal, bool extended, TimePoint now) override;

  Result<std::optional<ReadbackChat>> TakeReadback(TimePoint now) override;
  Status EndReadback(const ReadbackChat& chat, const std::vector<MessageId>& messages) override;
  Status PostponeReadback(PortalId portal, TimePoint due) override;
  Status RefuseReadback(PortalId portal, ChatId chat, TimePoint now) override;
  Status DropReadback(PortalId portal) override;
  Result<ReadbackCounts> CountReadback(PortalId portal) override;

 private:
  class Reader;

  SqliteStore(std::string path, Patience patience, Database writing, Database checkpointing);
  // A store on an open database.
  static Result<std::unique_ptr<SqliteStore>> Make(const std::string& path, Patience patience,
                                                   Database writing);
  // A reading connection of its own for one call.
  Result<Reader> Read();
  // What `find` finds on one, all in one snapshot.
  template <class T, class Find>
  Result<T> ReadSnapshot(Find find);
  Result<ErasureCursor> EraseSome(PortalId portal, Erasing why, ErasureCursor at);
  // Runs a job that has a result in the writer, and waits for it.
  template <class T, class Job>
  Result<T> Write(Job job);
  // The same, and tells the result.
  template <class Job>
  void Submit(Job job, Done done);

  std::string path_;
  const Patience patience_;
  Writer writer_;
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Database>> readers_;
  std::optional<PortalId> erased_portal_;  // see EraseNext
  ErasureCursor erased_up_to_;
};

}  // namespace imrelay
