#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/portal/token_ledger.h"

namespace imrelay {

// A small Bitrix24 on the loopback: authorization server and portal in one.
//   POST, GET /oauth/token/       refresh tokens, each good for one use
//   POST      /rest/app.info      of an access token
//   POST      /rest/profile       of an access token's user
//   POST      /control/issue      {"member_id":"…","admin":true}: a fresh pair of tokens, as JSON
//   POST      /control/expire     {"member_id":"…"}: its access tokens expire
//   POST      /control/fault      {"endpoint":"token|app.info|profile","mode":"…","count":N}
//   GET       /control/log        the requests seen
class StandIn {
 public:
  struct Options {
    std::string client_id = "demo-client";
    std::string client_secret = "demo-secret";
    int port = 0;  // 0: a free one
  };

  enum class Fault {
    kNone,
    kDown,          // the connection ends before anything was done
    kDropAfter,     // the same, after the request was carried out: a refresh token is used up
    kHttp500,       // an HTML page with status 500
    kInvalidGrant,  // refused, although the token is good
  };

  struct Request {
    std::string method;
    std::string path;
    std::string secret;  // of the token endpoint: "right", "wrong"; else empty
    int status = 0;      // 0: no answer was given
  };

  // Serves from now on; null when the port is taken. The destructor stops it.
  static std::unique_ptr<StandIn> Start(const Options& options);
  ~StandIn();

  std::string Url() const;             // "http://127.0.0.1:PORT"
  std::string ClientEndpoint() const;  // Url() + "/rest/", and the server endpoint too

  // What the control calls do. All thread-safe.
  TokenPair Issue(TokenHolder holder);
  void ExpireAccess(const std::string& member_id);
  // The next `count` calls of an endpoint ("token", "app.info", "profile") fail so.
  void SetFault(const std::string& endpoint, Fault fault, int count = 1);
  std::vector<Request> Seen() const;

  static std::optional<Fault> FaultOf(std::string_view name);  // "down", "drop_after", …

 private:
  class Impl;
  explicit StandIn(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
