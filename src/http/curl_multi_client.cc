#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/async_client.h"
#include "http/curl_request.h"

namespace imrelay {
namespace {

constexpr long kKeptConnections = 256;
constexpr std::size_t kKeptHandles = 256;
constexpr int kLongestPollMs = 60'000;  // libcurl itself wakes for its time-outs

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// A request that waits for the thread, or that the thread sends.
struct Transfer {
  HttpRequest request;
  AsyncHttpClient::Answered answered;
  std::chrono::steady_clock::time_point deadline;
  std::unique_ptr<CurlRequest> made;
  CurlHandle handle;
};

class CurlMultiClient final : public AsyncHttpClient {
 public:
  explicit CurlMultiClient(AddressPolicy policy) : policy_(std::move(policy)) {
    kept_.push_back(NewCurlHandle());  // starts libcurl
    multi_.reset(curl_multi_init());
    if (!multi_) return;
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kKeptConnections);
    // One request a connection: libcurl would let a second wait for whether it may share one.
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    thread_ = std::thread([this] { Run(); });
  }

  ~CurlMultiClient() override {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  void Send(HttpRequest request, Answered answered) override {
    if (!multi_) {
      answered(Fail(ErrorCode::kUnavailable, "libcurl does not start"));
      return;
    }
    auto transfer = std::make_unique<Transfer>();
    transfer->deadline = std::chrono::steady_clock::now() + request.timeout;
    transfer->request = std::move(request);
    transfer->answered = std::move(answered);
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = waiting_.empty();
      waiting_.push_back(std::move(transfer));
    }
    // The thread takes all that wait at once, so one call is enough for them.
    if (first && std::this_thread::get_id() != thread_.get_id()) curl_multi_wakeup(multi_.get());
  }

 private:
  void Run() {
    while (!TakeWaiting()) {
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      TakeEnded();
      const bool more = HasWaiting();  // what the answers led to
      curl_multi_poll(multi_.get(), nullptr, 0, more ? 0 : kLongestPollMs, nullptr);
    }
    Stop();
  }

  bool HasWaiting() {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty();
  }

  // Starts what waits. True when the client is at its end.
  bool TakeWaiting() {
    std::vector<std::unique_ptr<Transfer>> taken;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return true;
      taken.swap(waiting_);
    }
    for (std::unique_ptr<Transfer>& transfer : taken) Start(std::move(transfer));
    return false;
  }

  void Start(std::unique_ptr<Transfer> transfer) {
    Result<std::unique_ptr<CurlRequest>> made = CurlRequest::Make(transfer->request, policy_);
    if (!made) {
      transfer->answered(Fail(std::move(made).error()));
      return;
    }
    transfer->made = *std::move(made);
    transfer->handle = TakeHandle();
    CURL* const handle = transfer->handle.get();
    if (handle != nullptr) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          transfer->deadline - std::chrono::steady_clock::now());
      // Zero would be no time-out at all.
      transfer->made->Prepare(handle, std::max(left, std::chrono::milliseconds(1)));
      curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    }
    if (handle == nullptr || curl_multi_add_handle(multi_.get(), handle) != CURLM_OK) {
      transfer->answered(Fail(ErrorCode::kUnavailable, "libcurl does not start"));
      return;
    }
    under_way_.emplace(handle, std::move(transfer));
  }

  void TakeEnded() {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;  // the message ends with its handle
      auto ended = under_way_.extract(message->easy_handle);
      if (!ended.empty()) Finish(*ended.mapped(), code);
    }
  }

  void Finish(Transfer& transfer, CURLcode code) {
    curl_multi_remove_handle(multi_.get(), transfer.handle.get());
    Result<HttpResponse> answer = transfer.made->Finish(transfer.handle.get(), code);
    if (kept_.size() < kKeptHandles) kept_.push_back(std::move(transfer.handle));
    transfer.answered(std::move(answer));
  }

  CurlHandle TakeHandle() {
    if (kept_.empty()) return NewCurlHandle();
    CurlHandle handle = std::move(kept_.back());
    kept_.pop_back();
    return handle;
  }

  // Cuts what is under way, and answers what waits, also what the answers lead to.
  void Stop() {
    for (auto& [handle, transfer] : under_way_) {
      curl_multi_remove_handle(multi_.get(), handle);
      transfer->answered(Stopped("cut"));
    }
    under_way_.clear();
    std::vector<std::unique_ptr<Transfer>> taken;
    do {
      taken.clear();
      {
        const std::lock_guard lock(mutex_);
        taken.swap(waiting_);
      }
      for (const std::unique_ptr<Transfer>& transfer : taken) transfer->answered(Stopped(""));
    } while (!taken.empty());
  }

  static tl::unexpected<Error> Stopped(const char* reason) {
    return Fail(ErrorCode::kUnavailable, "stopped", reason);
  }

  const AddressPolicy policy_;
  // Before everything that holds handles: libcurl wants them gone first, and so they are destroyed
  // before it.
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::vector<CurlHandle> kept_;  // the thread's own, as is what follows
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> under_way_;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> waiting_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace

std::unique_ptr<AsyncHttpClient> MakeAsyncCurlClient(AddressPolicy policy) {
  return std::make_unique<CurlMultiClient>(std::move(policy));
}

}  // namespace imrelay
