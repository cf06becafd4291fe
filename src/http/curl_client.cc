#include <curl/curl.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "http/client.h"
#include "http/curl_request.h"

namespace imrelay {
namespace {

constexpr std::size_t kKeptHandles = 64;  // each keeps a connection to one host

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(AddressPolicy policy) : policy_(std::move(policy)) {}

  Result<HttpResponse> Send(const HttpRequest& request) override {
    const Result<std::unique_ptr<CurlRequest>> made = CurlRequest::Make(request, policy_);
    if (!made) return Fail(made.error());
    CurlHandle handle = Take((*made)->origin());
    if (!handle) return Fail(ErrorCode::kUnavailable, "libcurl does not start");
    (*made)->Prepare(handle.get(), request.timeout);
    const CURLcode code = curl_easy_perform(handle.get());
    Result<HttpResponse> answer = (*made)->Finish(handle.get(), code);
    GiveBack((*made)->origin(), std::move(handle));
    return answer;
  }

 private:
  // The handle that called this origin last, so that its connection is the likeliest to live.
  CurlHandle Take(const std::string& origin) {
    const std::lock_guard lock(mutex_);
    const auto kept = std::find_if(kept_.rbegin(), kept_.rend(),
                                   [&](const Kept& one) { return one.origin == origin; });
    if (kept == kept_.rend()) return NewCurlHandle();
    CurlHandle handle = std::move(kept->handle);
    kept_.erase(std::next(kept).base());
    return handle;
  }

  void GiveBack(const std::string& origin, CurlHandle handle) {
    Kept longest_idle;  // closed after the lock is let go
    const std::lock_guard lock(mutex_);
    if (kept_.size() == kKeptHandles) {
      longest_idle = std::move(kept_.front());
      kept_.erase(kept_.begin());
    }
    kept_.push_back({origin, std::move(handle)});
  }

  struct Kept {
    std::string origin;
    CurlHandle handle;
  };

  const AddressPolicy policy_;
  std::mutex mutex_;
  std::vector<Kept> kept_;  // the longest idle first
};

}  // namespace

std::unique_ptr<HttpClient> MakeCurlClient(AddressPolicy policy) {
  return std::make_unique<CurlClient>(std::move(policy));
}

}  // namespace imrelay
