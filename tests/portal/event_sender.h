#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/portal/php_value.h"

namespace imrelay::stand_in {

// One event for one handler.
struct EventPost {
  std::string event;
  std::string member_id;
  std::string handler;
  std::string body;
  std::chrono::milliseconds delay{0};  // before it is sent
};

// The queue server: posts each event once, whatever the answer, in the order of a handler's queue.
//
// A handler that took longer than kSlow to answer waits after it: kFirstPause, doubled with each
// slow answer in a row up to kLongestPause, halved with each quick one. The pause is shown. (That
// slow handlers are called less often is documented, b24restdocs, settings/performance/queue.md;
// the numbers are ours.) Thread-safe.
class EventSender {
 public:
  static constexpr std::chrono::milliseconds kSlow{1000};
  static constexpr std::chrono::milliseconds kFirstPause{250};
  static constexpr std::chrono::milliseconds kLongestPause{8000};
  static constexpr std::chrono::seconds kTimeout{5};

  EventSender() = default;
  ~EventSender();  // what was not sent is lost
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;

  void Send(EventPost post);
  // Keeps it until the next event of this portal was sent.
  void Hold(EventPost post);
  // In the place of what it begins with, `prefix` of a handler, `base` is called: for handlers
  // whose public address leads nowhere.
  void Reach(const std::string& prefix, const std::string& base);
  std::string ReachableUrl(const std::string& handler) const;

  // Everything that was posted, or only what was not answered 200, and what came of it: status 0 is
  // no answer.
  PhpValue Sent(bool only_failed = false) const;
  // Handlers with their pause and what still waits.
  PhpValue Handlers() const;
  bool idle() const;
  void Stop();

 private:
  struct Handler {
    std::deque<EventPost> waiting;
    bool busy = false;
    std::chrono::milliseconds pause{0};
    std::thread thread;
  };
  struct Outcome {
    EventPost post;
    int status = 0;
    std::int64_t milliseconds = 0;
    std::string answer;
  };

  void Enqueue(EventPost post);  // with mutex_ held
  void Run(Handler& handler);
  Outcome Carry(EventPost post, const std::string& url) const;
  std::string UrlOf(const std::string& handler) const;  // with mutex_ held

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<std::string, std::unique_ptr<Handler>> handlers_;
  std::vector<EventPost> held_;
  std::vector<Outcome> outcomes_;
  std::vector<std::pair<std::string, std::string>> reaches_;
};

}  // namespace imrelay::stand_in
