#include "app/doctor_channels.h"

#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "app/channel_config.h"
#include "bitrix24/endpoint.h"
#include "channel/telegram.h"
#include "http/address.h"

namespace imrelay {
namespace {

using Type = ConfiguredChannel::Type;

constexpr const char* kCheck = "channel";
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::hours kCertificateSoon{14 * 24};

std::string KeyOf(const std::string& name, const char* key) {
  return (name.empty() ? "channel." : "line." + name + '.') + key;
}

// Without a query, which may hold a secret.
std::string AddressOf(const ConfiguredChannel& channel) {
  if (channel.type == Type::kTelegram && channel.url.empty()) return TelegramSettings().api_url;
  return channel.url.substr(0, channel.url.find('?'));
}

void CheckSettings(Findings& findings, const std::string& name, const ConfiguredChannel& channel) {
  const bool telegram = channel.type == Type::kTelegram;
  if (!channel.is_configured()) {
    findings.push_back(Warn(kCheck, KeyOf(name, telegram ? "token" : "url"),
                            "is not given: what is to be sent waits",
                            telegram ? "token_file = \"…\", the bot's from @BotFather"
                                     : "url = \"https://YOUR.CHANNEL/…\", where your service "
                                       "takes the calls of docs/channel-api.md"));
    return;
  }
  if (!telegram && channel.secret.value.empty()) {
    findings.push_back(Warn(kCheck, KeyOf(name, "secret"),
                            "is not given: your service cannot tell our calls from others'",
                            "put one into a file, secret_file = \"…\"; make it with: "
                            "echo whsec_$(openssl rand -base64 32)"));
  }
  if (channel.key.value.empty()) {
    findings.push_back(Warn(kCheck, KeyOf(name, "key"),
                            telegram ? "is not given: no client's message is taken in"
                                     : "is not given: your service cannot send us anything",
                            "put one into a file, key_file = \"…\"; make it with: "
                            "openssl rand -hex 32"));
  }
}

// Whether a name leads to an address that the whole world reaches.
bool IsPublicName(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (KindOf(*each->ai_addr) == AddressKind::kPublic) return true;
  }
  return false;
}

Finding CheckService(const std::string& name, const std::string& url, HttpClient& own,
                     const Clock& clock) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = url;
  request.timeout = kPatience;
  request.tell_certificate = true;
  const Result<HttpResponse> response = own.Send(request);
  const std::string key = KeyOf(name, "url");
  if (!response) {
    const bool certificate = response.error().reason == "certificate";
    return Broken(kCheck, url, response.error().message,
                  certificate ? "give your service a certificate that this machine trusts"
                              : "start your service, or correct " + key +
                                    "; what is to be sent waits for it");
  }
  const std::optional<TimePoint> end = response->certificate_end;
  if (end && *end - clock.Now() < kCertificateSoon) {
    return Warn(kCheck, url, "answers; its certificate ends at " + FormatUtc(*end),
                "renew it: without it nothing is sent");
  }
  const std::optional<Endpoint> endpoint = ParseEndpoint(url);
  if (endpoint && endpoint->scheme == "http" && IsPublicName(endpoint->Host())) {
    return Warn(kCheck, url, "answers without TLS, at a public address: anybody on the way reads",
                key + " = \"https://…\"");
  }
  return Ok(kCheck, url, "answers");
}

}  // namespace

Findings CheckChannelSettings(const Config& config) {
  Findings findings;
  for (const std::string& name : ChannelOrder(config)) {
    const ConfiguredChannel& channel = config.channels.at(name);
    // Every line may have one of its own.
    if (name.empty() && !channel.is_configured() && config.channels.size() > 1) continue;
    CheckSettings(findings, name, channel);
  }
  return findings;
}

Findings CheckChannelServices(const Config& config, HttpClient& own, const Clock& clock) {
  Findings findings;
  for (const std::string& name : ChannelOrder(config)) {
    const ConfiguredChannel& channel = config.channels.at(name);
    if (!channel.is_configured()) continue;
    findings.push_back(CheckService(name, AddressOf(channel), own, clock));
  }
  return findings;
}

}  // namespace imrelay
