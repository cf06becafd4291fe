#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "http/client.h"

namespace imrelay {

// Sends many requests at once, on one thread of its own. As HttpClient otherwise. Thread-safe.
class AsyncHttpClient {
 public:
  using Answered = std::function<void(Result<HttpResponse>)>;

  virtual ~AsyncHttpClient() = default;

  // Sends and returns at once. `answered` is called once, on the client's thread, with what
  // HttpClient::Send would return; it must be quick. The time-out counts from here. Whoever calls
  // bounds how many are under way.
  virtual void Send(HttpRequest request, Answered answered) = 0;
};

// libcurl's multi interface. Its end cuts what is under way: answered with kUnavailable, "stopped".
std::unique_ptr<AsyncHttpClient> MakeAsyncCurlClient(AddressPolicy policy);

}  // namespace imrelay
