#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "codec/tree.h"
#include "ingest/ingest.h"
#include "store/store.h"
#include "web/http.h"

namespace imrelay {

enum class PageKind { kInstall, kSettings };

// Takes what a browser posts to a page of an application, `body` being the request's; answers it
// later and from another thread.
using PagePosts = std::function<void(PageKind, const std::string& application,
                                     const Request& request, Tree body, Reply reply)>;

// What only a service with our key file can tell of a nonce: whoever has the file knows us by it.
// Called from any thread.
using ProbeProof = std::function<std::string(const std::string& nonce)>;

// Takes a request of a channel's service or of Telegram, at any path below /channel/.
using ChannelRequests = std::function<void(const Request& request, Reply reply)>;

// Keeps an event on disk that cannot be stored now, or that met a fault of our own, to be taken in
// later; tells when it is there, or why not. May be called, and tells, on any thread.
using SpoolEvents = std::function<void(const Request& request, std::function<void(Status)> done)>;

// What the paths serve.
struct Served {
  Ingest& ingest;
  Store& store;
  // What /metrics tells besides what is counted. Called from any thread.
  std::function<Result<std::vector<Level>>()> levels;
  // Named ones have /bitrix24/NAME/event and so on; the unnamed one has /bitrix24/event.
  std::set<std::string> applications = {};
  PagePosts pages = nullptr;   // without it, there are none
  ProbeProof prove = nullptr;  // of GET …?probe=NONCE, 16 to 64 lower-case hex digits
  ChannelRequests channel = nullptr;
  // Without it, such an event is answered by 503, and by 500 where the fault is ours.
  SpoolEvents spool = nullptr;
};

// Answers every request of the contract's paths. Thread-safe. Logs one line an event.
class Routes {
 public:
  explicit Routes(Served served);

  // Answers, whatever the request: an event when it is on disk, in the database or in the spool,
  // perhaps after this has returned.
  void Handle(const Request& request, Reply reply);

 private:
  class Post;  // one posted event until it is answered

  void HandleApplication(const std::string& application, std::string_view page,
                         const Request& request, Reply reply);
  void PostInstall(const std::string& application, const Request& request, Reply reply);
  void PostPage(PageKind kind, const std::string& application, const Request& request, Reply reply);
  void PostEvent(const std::string& application, const Request& request, Reply reply);
  void Receive(const Arrival& arrival, const std::shared_ptr<Post>& post);
  // Keeps what was not stored because of `error` on disk, and answers.
  void Spool(const Arrival& arrival, const std::shared_ptr<Post>& post, const Error& error);
  Response AnswerProbe(const Request& request) const;
  void CheckReady(const Request& request, Reply reply);
  Response Metrics();

  const Served served_;
};

}  // namespace imrelay
