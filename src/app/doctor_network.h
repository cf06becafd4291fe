#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "admin/doctor.h"
#include "base/clock.h"
#include "http/client.h"

namespace imrelay {

// What can be seen from this machine of the servers events pass through. Sends GETs without any
// secret. Clock() goes by the times that the other calls saw, so it comes last.
class NetworkChecks {
 public:
  // `own` may call anything: it is given the operator's own addresses only. `servers` calls the
  // authorization servers, under the worker's policy.
  NetworkChecks(HttpClient& own, HttpClient& servers, const Clock& clock);

  // Asks /readyz of the first of `addresses` ("http://127.0.0.1:8081") behind which imrelay
  // answers: through nginx, so that its way to the worker is tried too.
  Findings Worker(const std::vector<std::string>& addresses);
  // Asks a handler's address, as a portal would.
  Findings PublicUrl(const std::string& handler_url);
  Findings AuthorizationServers(const std::vector<std::string>& base_urls);
  Findings Clock();

 private:
  Result<HttpResponse> Get(HttpClient& client, const std::string& url);
  void NoteTime(const std::string& url, const HttpResponse& response);
  Finding JudgeHandler(const std::string& url, const HttpResponse& response) const;
  std::optional<Finding> PlainHttp(const std::string& handler_url);

  HttpClient& own_;
  HttpClient& servers_;
  const imrelay::Clock& clock_;
  struct Seen {
    std::string url;
    TimePoint theirs;
    TimePoint ours;
  };
  std::vector<Seen> times_;
};

// Whether somebody listens on the worker's socket.
Findings CheckSocket(const std::string& path);

// Where nginx answers for this machine: on IMRELAY_PORT when scripts/run was given one, else on the
// port of nginx/example-tls.conf, else on the default of scripts/run.
std::vector<std::string> StatusAddresses(const std::string& imrelay_port);

// The time of a Date header (RFC 9110, 5.6.7, the preferred form); none for anything else.
std::optional<TimePoint> ParseHttpDate(const std::string& text);

inline constexpr const char* kPublicUrlCheck = "public URL";
inline constexpr std::chrono::hours kCertificateSoon{14 * 24};
inline constexpr std::chrono::seconds kClockSkew{60};

}  // namespace imrelay
