#include "app/doctor_network.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "app/probe_proof.h"
#include "codec/json.h"
#include "web/answers.h"

namespace imrelay {
namespace {

constexpr std::chrono::seconds kPatience{10};

constexpr const char* kRestart =
    "restart the worker: systemctl restart imrelay.service (or stop scripts/run and start it "
    "again), and read: journalctl -u imrelay (with multiwatch: /var/log/imrelay.log)";

constexpr const char* kStranger =
    "somebody else answers: it says ok, but does not know this key file";
constexpr const char* kUnknown =
    "something answers, but without the key file nobody can tell whether it is this service";
constexpr const char* kWhoseIsIt =
    "does the name lead to this server, to the server block of this imrelay? A worker of before an "
    "upgrade, "
    "or with another key file, answers so too: systemctl restart imrelay.service";

// A field of a JSON answer of ours; empty when it is none.
std::string FieldOf(const HttpResponse& response, const char* name) {
  const Result<Tree> tree = ParseJson(response.body);
  const std::string* text = tree ? tree->FindText(name) : nullptr;
  return text == nullptr ? std::string() : *text;
}

std::string Header(const HttpResponse& response, const char* name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? std::string() : found->second;
}

// "HTTP 404 of Apache/2.4": who answers.
std::string WhoAnswers(const HttpResponse& response) {
  const std::string server = Header(response, "server");
  return "HTTP " + std::to_string(response.status) + (server.empty() ? "" : " of " + server);
}

// "https://relay.example.com/x" -> "relay.example.com".
std::string AuthorityOf(const std::string& url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) return {};
  const std::size_t end = url.find('/', begin + 3);
  return url.substr(begin + 3, end == std::string::npos ? end : end - begin - 3);
}

// As our service answers, and many a stranger too.
bool IsOk(const HttpResponse& response) {
  return response.status == 200 && FieldOf(response, "status") == "ok";
}

bool IsHung(const Error& error) { return error.reason == "no_reply"; }

std::string NoReply() {
  return "takes the connection, but does not answer within " + std::to_string(kPatience.count()) +
         " s";
}

}  // namespace

NetworkChecks::NetworkChecks(HttpClient& own, HttpClient& servers, const imrelay::Clock& clock,
                             ProofOf proof_of)
    : own_(own), servers_(servers), clock_(clock), proof_of_(std::move(proof_of)) {}

Result<HttpResponse> NetworkChecks::Get(HttpClient& client, const std::string& url) {
  HttpRequest request;
  request.method = "GET";
  request.url = url;
  request.timeout = kPatience;
  request.at_most_once = true;  // on a connection of its own: the certificate is told then
  request.tell_certificate = url.starts_with("https://");
  return client.Send(request);
}

NetworkChecks::Probed NetworkChecks::Probe(const std::string& url) {
  const std::string nonce = NewProbeNonce();
  Probed probed{Get(own_, url + "?probe=" + nonce)};
  probed.ours = probed.answer && IsOk(*probed.answer) && proof_of_ &&
                FieldOf(*probed.answer, "probe") == proof_of_(nonce);
  return probed;
}

void NetworkChecks::NoteTime(const std::string& url, const HttpResponse& response) {
  if (const auto date = ParseHttpDate(Header(response, "date"))) {
    times_.push_back({url, *date, clock_.Now()});
  }
}

Findings NetworkChecks::Worker(const std::vector<std::string>& addresses, Database database) {
  const bool ask = database == Database::kAsk;
  std::string seen;
  worker_answers_ = false;
  for (const std::string& address : addresses) {
    const auto [answer, ours] = Probe(address + (ask ? "/readyz" : "/healthz"));
    if (ours) {
      worker_answers_ = true;
      return {Ok("worker", address,
                 ask ? "nginx, the worker and the database are ready"
                     : "nginx and the worker answer; they were not asked for the database")};
    }
    const std::string error = answer ? FieldOf(*answer, "error") : std::string();
    if (error == "not_ready") {
      worker_answers_ = true;
      return {Broken("worker", address, "not ready: " + FieldOf(*answer, "message"),
                     "see the checks of the database")};
    }
    if (error == "unavailable") {
      return {Broken("worker", address, "nginx answers, but no worker behind it", kRestart)};
    }
    if (!answer && IsHung(answer.error())) {
      return {Broken("worker", address, NoReply(), kRestart)};
    }
    if (answer && IsOk(*answer) && !proof_of_) {
      return {Broken("worker", address, kUnknown, "see the check of the key")};
    }
    seen += (seen.empty() ? "" : "; ") + address + ": " +
            (!answer         ? answer.error().message
             : IsOk(*answer) ? kStranger
                             : "somebody else answers (" + WhoAnswers(*answer) + ')');
  }
  return {Broken("worker", "", "cannot be asked: " + seen,
                 "is nginx running (systemctl status nginx; nginx -t), and has it the server block "
                 "for 127.0.0.1:8081 of nginx/example-tls.conf? Another port: IMRELAY_PORT=PORT "
                 "imrelay doctor")};
}

// What keeps the worker from answering keeps the public URL from it too.
std::string NetworkChecks::AfterWorker(const std::string& mend) const {
  return worker_answers_ ? mend : "see the check of the worker first";
}

Finding NetworkChecks::JudgeSilence(const std::string& url, const Error& error) const {
  if (error.reason == "certificate") {
    return Broken(kPublicUrlCheck, url,
                  "its certificate is not trusted or has run out (" + error.message + ')',
                  "renew it (certbot renew) and give nginx fullchain.pem, with the intermediate "
                  "certificates; then: systemctl reload nginx");
  }
  if (IsHung(error)) return Broken(kPublicUrlCheck, url, NoReply(), AfterWorker(kRestart));
  return Broken(kPublicUrlCheck, url, "cannot be reached from here (" + error.message + ')',
                AfterWorker("look at the name in DNS, the firewall (port 443) and nginx; where a "
                            "router keeps this server from its own public address, try from "
                            "elsewhere: curl -i " +
                            url));
}

Finding NetworkChecks::JudgeHandler(const std::string& url, const HttpResponse& response,
                                    bool ours) const {
  if (ours) {
    if (!response.certificate_end) return Ok(kPublicUrlCheck, url, "imrelay answers");
    const std::string end = "the certificate is good until " + FormatUtc(*response.certificate_end);
    if (*response.certificate_end - clock_.Now() >= kCertificateSoon) {
      return Ok(kPublicUrlCheck, url, "imrelay answers; " + end);
    }
    return Warn(kPublicUrlCheck, url, end,
                "renew it (certbot renew), then: systemctl reload nginx");
  }
  if (response.status >= 300 && response.status < 400) {
    return Broken(kPublicUrlCheck, url,
                  "redirects to " + Header(response, "location") +
                      ", which Bitrix24 may not follow with a POST",
                  "set bitrix24.public_url to where it leads, or take the redirection away");
  }
  if (FieldOf(response, "error") == "unavailable") {
    return Broken(kPublicUrlCheck, url, "nginx answers, but no worker behind it",
                  AfterWorker(kRestart));
  }
  if (FieldOf(response, "status") == kSpoolingStatus) {
    return Broken(kPublicUrlCheck, url, "the spooler answers: events wait on disk for a worker",
                  AfterWorker(kRestart));
  }
  if (IsOk(response)) {
    return proof_of_ ? Broken(kPublicUrlCheck, url, kStranger, kWhoseIsIt)
                     : Broken(kPublicUrlCheck, url, kUnknown, "see the check of the key");
  }
  return Broken(kPublicUrlCheck, url, "somebody else answers: " + WhoAnswers(response),
                "does the name lead to this server, and does its server block of nginx include "
                "snippets/imrelay-locations.conf?");
}

std::optional<Finding> NetworkChecks::PlainHttp(const std::string& handler_url) {
  const std::string authority = AuthorityOf(handler_url);
  if (!handler_url.starts_with("https://") || authority.find(':') != std::string::npos) {
    return std::nullopt;
  }
  const std::string url = "http" + handler_url.substr(5);
  if (!Probe(url).ours) return std::nullopt;
  return Warn(kPublicUrlCheck, url, "answers without TLS too, so a token could be posted in clear",
              "have nginx redirect port 80, as nginx/example-tls.conf does");
}

Findings NetworkChecks::PublicUrl(const std::string& handler_url) {
  const auto [answer, ours] = Probe(handler_url);
  if (!answer) return {JudgeSilence(handler_url, answer.error())};
  NoteTime(handler_url, *answer);
  Findings findings{JudgeHandler(handler_url, *answer, ours)};
  if (std::optional<Finding> plain = PlainHttp(handler_url)) findings.push_back(*std::move(plain));
  return findings;
}

Findings NetworkChecks::AuthorizationServers(const std::vector<std::string>& base_urls) {
  Findings findings;
  bool one_answers = false;
  for (const std::string& base : base_urls) {
    // Without a parameter it can only refuse.
    const Result<HttpResponse> answer = Get(servers_, base + "/oauth/token/");
    if (answer && answer->status < 500) {
      one_answers = true;
      NoteTime(base, *answer);
      findings.push_back(Ok("authorization server", base, "answers"));
      continue;
    }
    findings.push_back(Broken("authorization server", base,
                              answer ? "is in trouble: " + WhoAnswers(*answer)
                                     : "cannot be reached: " + answer.error().message,
                              (answer ? "nothing is wrong here: wait until it is well again"
                                      : "let this server call " + AuthorityOf(base) +
                                            " (DNS, firewall, ca-certificates)") +
                                  std::string("; tokens cannot be renewed meanwhile")));
  }
  // Most portals live with one of the two only.
  for (Finding& finding : findings) {
    if (one_answers && finding.level == Finding::Level::kFail) {
      finding.level = Finding::Level::kWarn;
    }
  }
  return findings;
}

Findings NetworkChecks::Clock() {
  const std::string mend =
      "keep the time: apt-get install systemd-timesyncd; timedatectl set-ntp true";
  const TimePoint now = clock_.Now();
  // The first version of this program was made in 2026.
  if (now < FromUnixSeconds(1'767'225'600) || now > FromUnixSeconds(4'102'444'800)) {
    return {Broken("clock", "", "it shows " + FormatUtc(now), mend)};
  }
  if (times_.empty()) {
    return {Ok("clock", "", "it shows " + FormatUtc(now) + "; nobody was there to compare with")};
  }
  // Of this very machine the public URL may be, so the others' word counts as well: the worst.
  const auto worst =
      std::max_element(times_.begin(), times_.end(), [](const Seen& a, const Seen& b) {
        return std::chrono::abs(a.theirs - a.ours) < std::chrono::abs(b.theirs - b.ours);
      });
  const std::chrono::milliseconds skew = worst->ours - worst->theirs;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(skew).count();
  if (std::chrono::abs(skew) <= kClockSkew) {
    return {Ok("clock", "", "it goes with those of the servers asked")};
  }
  return {Warn("clock", "",
               std::to_string(std::abs(seconds)) + " s " + (seconds > 0 ? "ahead of " : "behind ") +
                   worst->url,
               mend)};
}

Findings CheckSocket(const ServiceSocket& service, const std::string& path) {
  const std::string unit = service.unit;
  if (path.empty()) {
    return {Warn(service.check, "", service.absent,
                 "systemctl enable --now " + unit + ".socket " + unit +
                     ".service; elsewhere: see the check of the worker")};
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool connected =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (connected || error == EAGAIN) return {Ok(service.check, path, "somebody listens")};
  if (error == EACCES) {
    return {Warn(service.check, path, "this user may not connect to it", "run doctor as root")};
  }
  return {Broken(service.check, path, std::string("nobody listens: ") + std::strerror(error),
                 "systemctl restart " + unit + ".socket " + unit +
                     ".service (or start spawn-fcgi again)")};
}

std::vector<std::string> StatusAddresses(const std::string& imrelay_port) {
  const std::string host = "http://127.0.0.1:";
  if (!imrelay_port.empty()) return {host + imrelay_port};
  return {host + "8081", host + "8080"};
}

std::optional<TimePoint> ParseHttpDate(const std::string& text) {
  tm parts{};
  const char* const end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return FromUnixSeconds(timegm(&parts));
}

}  // namespace imrelay
