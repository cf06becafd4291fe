#include "app/doctor_channels.h"

#include <chrono>
#include <optional>
#include <string>

#include "app/channel_commands.h"
#include "app/channel_config.h"
#include "app/service.h"
#include "channel/telegram.h"
#include "crypto/keyring.h"

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
  if (telegram && (!channel.lines.portal || !channel.lines.line)) {
    findings.push_back(Warn(kCheck, KeyOf(name, "type"),
                            "portal and line are not both given: what clients write to the bot is "
                            "dropped",
                            "give the bot a [[line]] of its own, with portal and line; see "
                            "docs/telegram.md"));
  }
  if (channel.key.value.empty()) {
    findings.push_back(Warn(kCheck, KeyOf(name, "key"),
                            telegram ? "is not given: no client's message is taken in"
                                     : "is not given: your service cannot send us anything",
                            "put one into a file, key_file = \"…\"; make it with: "
                            "openssl rand -hex 32"));
  }
}

// How the doctor calls a channel: by its name, and the address where it is.
std::string SubjectOf(const std::string& name, const std::string& url) {
  return (name.empty() ? std::string(kDefaultChannel) : name) + ": " + url;
}

// The bot's own address, for its token; empty where the token is sealed and does not open.
std::string BotAddressOf(const Config& config, const ConfiguredChannel& channel) {
  const Result<Keyring> keyring = Keyring::Open(config.key_file);
  const bool sealed = channel.token.value.Reveal().starts_with(kSealedPrefix);
  if (sealed && !keyring) return {};
  const Result<Secret> token = sealed ? OpenSecret(channel.token, *keyring) : channel.token.value;
  if (!token) return {};
  return AddressOf(channel) + "/bot" + std::string(token->Reveal()) + "/getMe";
}

Finding CheckBot(const std::string& name, const std::string& url, const std::string& get_me,
                 HttpClient& own) {
  HttpRequest request;
  request.method = "GET";
  request.url = get_me;
  request.timeout = kPatience;
  const Result<HttpResponse> response = own.Send(request);
  const std::string subject = SubjectOf(name, url);
  if (!response) {
    return Broken(kCheck, subject, response.error().message,
                  "let this machine reach the Bot API; what is to be sent waits for it");
  }
  // Source: core.telegram.org/bots/api, "Making requests"; a token of the wrong shape gives 404.
  if (response->status == 401 || response->status == 404) {
    return Broken(kCheck, subject, "Telegram does not know the bot's token",
                  "correct " + KeyOf(name, "token") +
                      ": @BotFather shows it; what is to be sent "
                      "waits for it");
  }
  if (response->status != 200) {
    return Warn(kCheck, subject, "getMe is answered with " + std::to_string(response->status),
                "ask again later");
  }
  return Ok(kCheck, subject, "answers, and knows the bot");
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
  const std::string subject = SubjectOf(name, url);
  if (!response) {
    const bool certificate = response.error().reason == "certificate";
    return Broken(kCheck, subject, response.error().message,
                  certificate ? "give your service a certificate that this machine trusts"
                              : "start your service, or correct " + key +
                                    "; what is to be sent waits for it");
  }
  const std::optional<TimePoint> end = response->certificate_end;
  if (end && *end - clock.Now() < kCertificateSoon) {
    return Warn(kCheck, subject, "answers; its certificate ends at " + FormatUtc(*end),
                "renew it: without it nothing is sent");
  }
  return Ok(kCheck, subject, "answers");
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
    const std::string url = AddressOf(channel);
    const std::string bot = channel.type == Type::kTelegram ? BotAddressOf(config, channel) : "";
    findings.push_back(bot.empty() ? CheckService(name, url, own, clock)
                                   : CheckBot(name, url, bot, own));
  }
  return findings;
}

}  // namespace imrelay
