// What sending costs at least: posts the bodies in FILE, one a line, to URL, with libcurl's multi
// interface and CONCURRENCY requests under way, keeps nothing, and prints the seconds it took.
// Usage: imrelay-plain-sender URL FILE CONCURRENCY
#include <curl/curl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

std::size_t Drop(char*, std::size_t size, std::size_t count, void*) { return size * count; }

class Sender {
 public:
  Sender(const char* url, std::vector<std::string> bodies) : url_(url), bodies_(std::move(bodies)) {
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
  }

  int Run(int concurrency) {
    for (int i = 0; i < concurrency; ++i) Begin(curl_easy_init());
    while (under_way_ > 0) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      if (!Finish()) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
    return failed_;
  }

 private:
  void Begin(CURL* easy) {
    if (next_ == bodies_.size()) return curl_easy_cleanup(easy);
    ++under_way_;
    const std::string& body = bodies_[next_++];
    curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Drop);
    curl_multi_add_handle(multi_, easy);
  }

  // False when nothing had ended.
  bool Finish() {
    bool ended = false;
    int left = 0;
    while (CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      ended = true;
      --under_way_;
      if (message->data.result != CURLE_OK) ++failed_;
      curl_multi_remove_handle(multi_, easy);
      Begin(easy);
    }
    return ended;
  }

  const std::string url_;
  const std::vector<std::string> bodies_;
  std::size_t next_ = 0;
  int under_way_ = 0;
  int failed_ = 0;
  CURLM* const multi_ = curl_multi_init();
  curl_slist* headers_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::vector<std::string> bodies;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line);) bodies.push_back(line);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Sender sender(argv[1], std::move(bodies));
  const auto begun = std::chrono::steady_clock::now();
  const int failed = sender.Run(std::atoi(argv[3]));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::printf("%.6f\n", took.count());
  return failed == 0 ? 0 : 1;
}
