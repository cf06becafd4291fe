#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/client.h"

namespace imrelay {

// Answers from a script and remembers what was sent. An address the script does not know, or knows
// no more answer for, is away.
class FakeHttpClient final : public HttpClient {
 public:
  // The next answer of `url` (its query aside).
  void Answer(const std::string& url, int status, std::string body,
              std::map<std::string, std::string> headers = {}) {
    script_[url].push_back(HttpResponse{status, std::move(headers), std::move(body)});
  }
  void FailWith(const std::string& url, ErrorCode code) {
    script_[url].push_back(Fail(code, "scripted fault"));
  }

  Result<HttpResponse> Send(const HttpRequest& request) override {
    sent.push_back(request);
    auto& answers = script_[request.url.substr(0, request.url.find('?'))];
    if (answers.empty()) return Fail(ErrorCode::kUnavailable, "nobody listens");
    Result<HttpResponse> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }

  // The addresses called, in order.
  std::vector<std::string> Urls() const {
    std::vector<std::string> urls;
    for (const HttpRequest& request : sent) urls.push_back(request.url);
    return urls;
  }

  std::vector<HttpRequest> sent;

 private:
  std::map<std::string, std::deque<Result<HttpResponse>>> script_;
};

}  // namespace imrelay
