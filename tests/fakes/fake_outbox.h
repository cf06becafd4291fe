#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/outbox.h"

namespace imrelay {

// Deliveries in memory, in order within queue and external chat. Of the mapping it knows nothing.
// Thread-safe.
class FakeOutbox final : public Outbox {
 public:
  enum class State { kPending, kLeased, kEnded };

  ~FakeOutbox() override {
    if (late_.joinable()) late_.join();
  }

  struct Row {
    Delivery delivery;
    Target target = Target::kChannel;
    State state = State::kPending;
    TimePoint due;
    std::optional<Settlement> last;
  };

  // Queues something for a chat of a queue; its portal is the queue's number unless told otherwise.
  DeliveryId Add(std::int64_t queue, const std::string& chat, std::string_view kind,
                 Target target = Target::kChannel) {
    Delivery delivery;
    delivery.queue = QueueId(queue);
    delivery.portal = PortalId(queue);
    delivery.member_id = MemberId("portal" + std::to_string(queue));
    delivery.connector = ConnectorId("relay");
    delivery.line = LineId(queue);
    delivery.portal_status = PortalStatus::kActive;
    delivery.external_chat_id = ExternalChatId(chat);
    delivery.kind = kind;
    delivery.direction = Direction::kOut;
    return Add(std::move(delivery), target);
  }
  DeliveryId Add(Delivery delivery, Target target = Target::kChannel) {
    const std::lock_guard lock(mutex_);
    delivery.id = DeliveryId(static_cast<std::int64_t>(rows_.size()) + 1);
    const DeliveryId id = delivery.id;
    rows_[id] = {std::move(delivery), target, State::kPending, TimePoint(), {}};
    return id;
  }

  Row operator[](DeliveryId id) {
    const std::lock_guard lock(mutex_);
    return rows_.at(id);
  }
  void Change(DeliveryId id, const auto& change) {
    const std::lock_guard lock(mutex_);
    change(rows_.at(id));
  }
  void Remember(EndpointState state) {
    const std::lock_guard lock(mutex_);
    endpoints_[state.name] = std::move(state);
  }
  std::optional<EndpointState> Remembered(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = endpoints_.find(name);
    if (found == endpoints_.end()) return std::nullopt;
    return found->second;
  }
  void Fails(bool fails) {
    const std::lock_guard lock(mutex_);
    fails_ = fails;
  }
  // Lets the next turn take until `meanwhile`, which runs on a thread of its own, returns. Once.
  void Meanwhile(std::function<void()> meanwhile) {
    const std::lock_guard lock(mutex_);
    meanwhile_ = std::move(meanwhile);
  }
  int turns() {
    const std::lock_guard lock(mutex_);
    return turns_;
  }

  void OnQueued(std::function<void()>) override {}

  Result<std::vector<ReadyQueue>> FindReady(Target target) override {
    const std::lock_guard lock(mutex_);
    if (fails_) return Away();
    std::map<QueueId, ReadyQueue> ready;
    for (const auto& [id, row] : rows_) {
      if (row.target != target || !IsHead(row) || row.state != State::kPending) continue;
      const Delivery& one = row.delivery;
      const ReadyQueue queue{one.queue,     one.portal, one.member_id,
                             one.connector, one.line,   row.due};
      const auto [known, added] = ready.emplace(one.queue, queue);
      if (!added) known->second.due = std::min(known->second.due, row.due);
    }
    std::vector<ReadyQueue> queues;
    for (auto& [id, queue] : ready) queues.push_back(std::move(queue));
    return queues;
  }

  void StartTurn(std::vector<Settlement> settled, Target target, std::vector<Ask> asks, LeaseHolder,
                 TimePoint now, Taken taken) override {
    std::function<void()> meanwhile;
    {
      const std::lock_guard lock(mutex_);
      meanwhile.swap(meanwhile_);
    }
    if (!meanwhile) return taken(TakeTurn(settled, target, asks, now));
    if (late_.joinable()) late_.join();
    late_ = std::thread([=, this, taken = std::move(taken)] {
      meanwhile();
      taken(TakeTurn(settled, target, asks, now));
    });
  }
  Status ReleaseLeases(LeaseHolder) override {
    const std::lock_guard lock(mutex_);
    for (auto& [id, row] : rows_) {
      if (row.state == State::kLeased) row.state = State::kPending;
    }
    return {};
  }

  Result<std::vector<EndpointState>> Endpoints() override {
    const std::lock_guard lock(mutex_);
    if (fails_) return Away();
    std::vector<EndpointState> states;
    for (const auto& [name, state] : endpoints_) states.push_back(state);
    return states;
  }
  Status SetEndpoint(const EndpointState& state) override {
    const std::lock_guard lock(mutex_);
    if (fails_) return Away();
    endpoints_[state.name] = state;
    return {};
  }
  Result<bool> ReplaceEndpoint(const EndpointState& known, const EndpointState& state) override {
    const std::lock_guard lock(mutex_);
    if (fails_) return Away();
    const auto row = endpoints_.find(state.name);
    if (row != endpoints_.end() && row->second.fingerprint == state.fingerprint &&
        (row->second.state != known.state || row->second.since != known.since ||
         row->second.probe_at != known.probe_at)) {
      return false;
    }
    endpoints_[state.name] = state;
    return true;
  }

 private:
  static tl::unexpected<Error> Away() { return Fail(ErrorCode::kUnavailable, "away"); }

  Result<std::vector<Delivery>> TakeTurn(const std::vector<Settlement>& settled, Target target,
                                         const std::vector<Ask>& asks, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (fails_) return Away();
    ++turns_;
    for (const Settlement& settlement : settled) Settle(settlement, now);
    std::vector<Delivery> taken;
    for (const Ask& ask : asks) {
      int left = ask.most;
      for (auto& [id, row] : rows_) {
        if (left == 0) break;
        if (row.target != target || row.delivery.queue != ask.queue || row.due > now) continue;
        if (row.state != State::kPending || !IsHead(row)) continue;
        row.state = State::kLeased;
        taken.push_back(row.delivery);
        --left;
      }
    }
    return taken;
  }

  // Confirmations and notices keep no order.
  bool IsHead(const Row& row) const {
    const Delivery& one = row.delivery;
    if (row.target == Target::kConfirmation || one.kind == kind::kOperatorNotice) return true;
    for (const auto& [id, other] : rows_) {
      if (id == one.id) return true;
      const bool same = other.target == row.target && other.delivery.queue == one.queue &&
                        other.delivery.external_chat_id == one.external_chat_id;
      if (same && other.state != State::kEnded) return false;
    }
    return true;
  }

  void Settle(const Settlement& settlement, TimePoint now) {
    Row& row = rows_.at(settlement.id);
    row.last = settlement;
    if (settlement.attempt) {
      ++row.delivery.attempts;
      if (!row.delivery.first_attempt_at) row.delivery.first_attempt_at = now;
    }
    const bool again = settlement.verdict == Settlement::Verdict::kLater;
    row.state = again ? State::kPending : State::kEnded;
    row.due = settlement.due;
  }

  std::mutex mutex_;
  std::map<DeliveryId, Row> rows_;
  std::map<std::string, EndpointState> endpoints_;
  bool fails_ = false;
  int turns_ = 0;
  std::function<void()> meanwhile_;
  std::thread late_;
};

}  // namespace imrelay
