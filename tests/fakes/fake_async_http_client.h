#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/async_client.h"

namespace imrelay {

// Answers at once, in the order of the script, and remembers what was sent. When the script has
// ended, everything is away.
class FakeAsyncHttpClient final : public AsyncHttpClient {
 public:
  void Answer(int status, std::string body) {
    script_.emplace_back(HttpResponse{status, {}, std::move(body)});
  }
  // One that is longer than what is read.
  void AnswerLonger(int status, std::string beginning) {
    HttpResponse response{status, {}, std::move(beginning)};
    response.longer = true;
    script_.emplace_back(std::move(response));
  }
  void FailWith(std::string message, std::string reason) {
    script_.emplace_back(Fail(ErrorCode::kUnavailable, std::move(message), std::move(reason)));
  }

  void Send(HttpRequest request, Answered answered) override {
    sent.push_back(std::move(request));
    if (on_send) on_send();
    if (script_.empty()) return answered(Fail(ErrorCode::kUnavailable, "nobody listens"));
    Result<HttpResponse> answer = std::move(script_.front());
    script_.pop_front();
    answered(std::move(answer));
  }

  std::vector<HttpRequest> sent;
  std::function<void()> on_send;  // as long as a request takes

 private:
  std::deque<Result<HttpResponse>> script_;
};

}  // namespace imrelay
