#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace imrelay {

struct HttpRequest {
  std::string method = "POST";
  std::string url;
  std::map<std::string, std::string> headers;
  std::string body;  // may hold secrets: never logged
  // For everything, connecting included, which may take kConnectTimeout of it. Short, because a
  // worker that is told to stop waits for it.
  std::chrono::milliseconds timeout{5000};
  // Never repeated by itself, not even when a kept connection turns out dead: for requests that
  // use something up. Costs a connection of its own.
  bool at_most_once = false;
  bool tell_certificate = false;  // fill in certificate_end
  // No more than this is read of the answer's body, and as much of its headers; the rest is given
  // up with the connection, and the answer counts as whole. None: all of it, to kMaxAnswerBytes.
  std::optional<std::size_t> read_at_most = {};
};

inline constexpr std::chrono::milliseconds kConnectTimeout{3000};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // at most kMaxAnswerBytes
  // When the server's certificate runs out; where it was asked for, over TLS.
  std::optional<TimePoint> certificate_end = {};
  bool longer = false;  // than read_at_most: `body` is its beginning
};

inline constexpr std::size_t kMaxAnswerBytes = 4 << 20;

// Sends one request and waits for the answer. Redirects are returned, never followed. Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Any status is an answer. Errors: kUnavailable for network faults, time-outs and answers that
  // are too large, with the reason "certificate" for one that nobody vouches for, "no_reply"
  // where the connection stood and the time ran out, and "cut" where it stood and no whole answer
  // came for another reason; with any other the request was not sent. kInvalidArgument for an
  // address this client may not call. Errors name the host only, never the query or the body.
  virtual Result<HttpResponse> Send(const HttpRequest& request) = 0;
};

// What addresses a client may call: https at names that resolve to public addresses. A URL that
// names an address itself, public or not, is refused: no portal of the cloud has one, and there is
// no certificate for most.
struct AddressPolicy {
  // Adds http and https at loopback addresses, for tests.
  bool allow_insecure_loopback = false;
  // "host", or "host:port" where https is not on 443, of self-hosted portals, in lower case: names
  // that may resolve to any address, or addresses (IPv6 in brackets). Still https only, with a
  // certificate that is verified.
  std::set<std::string> private_hosts = {};
  // Anything, http too: for the operator's own addresses, which no request can name.
  bool any_address = false;
  // Of these, http at public addresses is refused all the same, after the name was resolved.
  bool https_to_public = false;
  // A file of certificates to trust in the place of the system's, for tests.
  std::string trusted_certificates = {};
};

// libcurl: TLS verified, addresses checked after the name was resolved (so a name that points
// into a private network is refused). Connections are kept for each host apart and reused by
// whichever thread calls it next; nothing (connection, resolved name, TLS session) is shared with
// another client, whose policy may be another. Proxies named in the environment are not used:
// behind one the address check would check nothing.
std::unique_ptr<HttpClient> MakeCurlClient(AddressPolicy policy);

}  // namespace imrelay
