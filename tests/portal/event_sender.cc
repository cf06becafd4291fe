#include "tests/portal/event_sender.h"

#include <httplib.h>

#include <algorithm>
#include <utility>

#include "codec/body.h"

namespace imrelay::stand_in {

EventSender::~EventSender() { Stop(); }

void EventSender::Stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [url, handler] : handlers_) threads.push_back(std::move(handler->thread));
    changed_.notify_all();
  }
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
}

void EventSender::Send(EventPost post) {
  const std::lock_guard lock(mutex_);
  const std::string member_id = post.member_id;
  Enqueue(std::move(post));
  const auto theirs = std::stable_partition(held_.begin(), held_.end(), [&](const EventPost& held) {
    return held.member_id != member_id;
  });
  for (auto held = theirs; held != held_.end(); ++held) Enqueue(std::move(*held));
  held_.erase(theirs, held_.end());
}

void EventSender::Hold(EventPost post) {
  const std::lock_guard lock(mutex_);
  held_.push_back(std::move(post));
}

void EventSender::Reach(const std::string& prefix, const std::string& base) {
  const std::lock_guard lock(mutex_);
  reaches_.emplace_back(prefix, base);
}

std::string EventSender::ReachableUrl(const std::string& handler) const {
  const std::lock_guard lock(mutex_);
  return UrlOf(handler);
}

void EventSender::Enqueue(EventPost post) {
  if (stopping_) return;
  std::unique_ptr<Handler>& handler = handlers_[post.handler];
  if (!handler) {
    handler = std::make_unique<Handler>();
    handler->thread = std::thread([this, own = handler.get()] { Run(*own); });
  }
  handler->waiting.push_back(std::move(post));
  changed_.notify_all();
}

void EventSender::Run(Handler& handler) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !handler.waiting.empty(); });
    if (stopping_) return;
    EventPost post = std::move(handler.waiting.front());
    handler.waiting.pop_front();
    handler.busy = true;
    changed_.wait_for(lock, handler.pause + post.delay, [&] { return stopping_; });
    if (stopping_) return;
    const std::string url = UrlOf(post.handler);
    lock.unlock();
    Outcome outcome = Carry(std::move(post), url);
    lock.lock();
    const bool slow = outcome.milliseconds > kSlow.count();
    handler.pause = slow ? std::min(kLongestPause, std::max(kFirstPause, handler.pause * 2))
                         : handler.pause / 2;
    outcomes_.push_back(std::move(outcome));
    handler.busy = false;
  }
}

std::string EventSender::UrlOf(const std::string& handler) const {
  for (const auto& [prefix, base] : reaches_) {
    if (handler.starts_with(prefix)) return base + handler.substr(prefix.size());
  }
  return handler;
}

EventSender::Outcome EventSender::Carry(EventPost post, const std::string& url) const {
  Outcome outcome;
  outcome.post = std::move(post);
  const std::size_t host = url.find("://");
  const std::size_t path = host == url.npos ? url.npos : url.find('/', host + 3);
  httplib::Client client(url.substr(0, path));
  client.set_connection_timeout(kTimeout);
  client.set_read_timeout(kTimeout);
  const httplib::Headers headers{{"User-Agent", "Bitrix24 Webhook Engine"}};
  const auto begin = std::chrono::steady_clock::now();
  const httplib::Result answer =
      client.Post(path == url.npos ? "/" : url.substr(path), headers, outcome.post.body,
                  "application/x-www-form-urlencoded");
  outcome.milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::steady_clock::now() - begin)
                             .count();
  if (answer) {
    outcome.status = answer->status;
    outcome.answer = answer->body.substr(0, 500);
  }
  return outcome;
}

PhpValue EventSender::Sent(bool only_failed) const {
  const std::lock_guard lock(mutex_);
  PhpValue list = PhpValue::Map();
  for (const Outcome& outcome : outcomes_) {
    if (only_failed && outcome.status == 200) continue;
    list.Append(PhpValue::Map({{"event", outcome.post.event},
                               {"member_id", outcome.post.member_id},
                               {"handler", outcome.post.handler},
                               {"status", outcome.status},
                               {"milliseconds", outcome.milliseconds},
                               {"answer", outcome.answer},
                               {"body", WithoutTokens(BodyFormat::kForm, outcome.post.body)}}));
  }
  return list;
}

PhpValue EventSender::Handlers() const {
  const std::lock_guard lock(mutex_);
  PhpValue list = PhpValue::Map();
  for (const auto& [url, handler] : handlers_) {
    list.Append(PhpValue::Map({{"handler", url},
                               {"waiting", handler->waiting.size()},
                               {"busy", handler->busy},
                               {"pause_ms", handler->pause.count()}}));
  }
  return list;
}

bool EventSender::idle() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(handlers_.begin(), handlers_.end(), [](const auto& item) {
    return item.second->waiting.empty() && !item.second->busy;
  });
}

}  // namespace imrelay::stand_in
