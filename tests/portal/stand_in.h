#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/portal/seen_call.h"
#include "tests/portal/token_ledger.h"

namespace imrelay {

// A small Bitrix24 on the loopback: an authorization server, which is also where it is controlled,
// and, at a port of their own, the portals it knows. README.md beside this file tells what it does.
class StandIn {
 public:
  struct Application {
    std::string name;
    std::string client_id;
    std::string client_secret;
  };
  struct Options {
    std::string client_id = "demo-client";  // of the first application
    std::string client_secret = "demo-secret";
    int port = 0;  // 0: a free one
    // A server that leaves the former access token alive after a refresh.
    bool former_access_lives = false;
    int portals_port = 0;  // 0: a free one
    std::vector<Application> more_applications = {};
  };

  enum class Fault {
    kNone,
    kDown,          // the connection ends before anything was done
    kDropAfter,     // the same, after the request was carried out: a refresh token is used up
    kHttp500,       // an HTML page with status 500
    kInvalidGrant,  // refused, although the token is good
  };

  using Request = stand_in::SeenCall;

  // Serves from now on; null when a port is taken. The destructor stops it.
  static std::unique_ptr<StandIn> Start(const Options& options);
  ~StandIn();

  std::string Url() const;             // "http://127.0.0.1:PORT", the authorization server
  std::string ClientEndpoint() const;  // "http://127.0.0.1:PORT2/rest/", of portals not renamed

  // What the control calls do. All thread-safe.
  TokenPair Issue(TokenHolder holder);
  void ExpireAccess(const std::string& member_id);
  // The next `count` calls of an endpoint ("token", "app.info", or a REST method) fail so.
  void SetFault(const std::string& endpoint, Fault fault, int count = 1);
  std::vector<Request> Seen() const;
  // Any control call: its name and values as JSON; the answer as JSON. See README.md.
  std::string Control(const std::string& name, const std::string& values);

 private:
  class Impl;
  explicit StandIn(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
