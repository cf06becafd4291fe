#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/doctor.h"
#include "app/doctor_files.h"
#include "base/clock.h"
#include "http/client.h"

namespace imrelay {

// What only a service with our key file answers to a nonce.
using ProofOf = std::function<std::string(const std::string& nonce)>;

// What can be seen from this machine of the servers events pass through. Sends GETs without any
// secret, with a nonce where we ought to answer ourselves. The worker comes first, because the
// public URL leads to it; Clock() goes by the times that the other calls saw, so it comes last.
class NetworkChecks {
 public:
  // `own` may call anything: it is given the operator's own addresses only. `servers` calls the
  // authorization servers, under the worker's policy. Without `proof_of`, there being no key file,
  // nobody is taken for our service.
  NetworkChecks(HttpClient& own, HttpClient& servers, const Clock& clock, ProofOf proof_of);

  enum class Database { kAsk, kPassOver };
  // Asks /readyz of the first of `addresses` ("http://127.0.0.1:8081") behind which imrelay
  // answers: through nginx, so that its way to the worker is tried too. /healthz where the database
  // is passed over.
  Findings Worker(const std::vector<std::string>& addresses, Database database);
  // Asks a handler's address, as a portal would. Ok only where this service answers there.
  Findings PublicUrl(const std::string& handler_url);
  Findings AuthorizationServers(const std::vector<std::string>& base_urls);
  Findings Clock();

 private:
  struct Probed {
    Result<HttpResponse> answer;
    bool ours = false;  // it is of a service with our key file
  };
  Result<HttpResponse> Get(HttpClient& client, const std::string& url);
  Probed Probe(const std::string& url);
  void NoteTime(const std::string& url, const HttpResponse& response);
  Finding JudgeSilence(const std::string& url, const Error& error) const;
  Finding JudgeHandler(const std::string& url, const HttpResponse& response, bool ours) const;
  std::string AfterWorker(const std::string& mend) const;
  std::optional<Finding> PlainHttp(const std::string& handler_url);

  HttpClient& own_;
  HttpClient& servers_;
  const imrelay::Clock& clock_;
  const ProofOf proof_of_;
  bool worker_answers_ = true;
  struct Seen {
    std::string url;
    TimePoint theirs;
    TimePoint ours;
  };
  std::vector<Seen> times_;
};

// Whether somebody listens on a socket, which is at `path`; empty where there is none.
Findings CheckSocket(const ServiceSocket& service, const std::string& path);

// Where nginx answers for this machine: on IMRELAY_PORT when scripts/run was given one, else on the
// port of nginx/example-tls.conf, else on the default of scripts/run.
std::vector<std::string> StatusAddresses(const std::string& imrelay_port);

// The time of a Date header (RFC 9110, 5.6.7, the preferred form); none for anything else.
std::optional<TimePoint> ParseHttpDate(const std::string& text);

inline constexpr const char* kPublicUrlCheck = "public URL";
inline constexpr std::chrono::hours kCertificateSoon{14 * 24};
inline constexpr std::chrono::seconds kClockSkew{60};

}  // namespace imrelay
