#include "app/channels.h"

#include <span>
#include <utility>
#include <vector>

#include "app/channel_config.h"
#include "app/service.h"
#include "channel/telegram.h"
#include "channel/webhook.h"

namespace imrelay {
namespace {

Result<Secret> OpenChecked(const ConfiguredSecret& configured, const Keyring& keyring,
                           const auto& fault_of) {
  Result<Secret> secret = OpenSecret(configured, keyring);
  if (!secret || secret->empty()) return secret;
  const std::string fault = fault_of(*secret);
  if (fault.empty()) return secret;
  return Fail(ErrorCode::kInvalidArgument, configured.key + ": must be " + fault);
}

Result<std::unique_ptr<Channel>> OpenChannel(const ConfiguredChannel& configured,
                                             const Keyring& keyring, AsyncHttpClient& http,
                                             const Clock& clock) {
  if (configured.type == ConfiguredChannel::Type::kTelegram) {
    TelegramSettings settings;
    if (!configured.url.empty()) settings.api_url = configured.url;
    Result<Secret> token = OpenChecked(configured.token, keyring, FaultOfToken);
    if (!token) return Fail(std::move(token).error());
    settings.token = *std::move(token);
    return MakeTelegramChannel(std::move(settings), http, clock);
  }
  WebhookSettings settings;
  settings.url = configured.url;
  for (const ConfiguredSecret* each : {&configured.secret, &configured.secret_previous}) {
    Result<Secret> secret = OpenChecked(*each, keyring, FaultOfSigningSecret);
    if (!secret) return Fail(std::move(secret).error());
    if (!secret->empty()) settings.secrets.push_back(*std::move(secret));
  }
  return MakeWebhookChannel(std::move(settings), http, clock);
}

std::string HexOf(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace

Result<std::string> FingerprintOf(const ConfiguredChannel& channel, const Keyring& keyring) {
  Result<Secret> token = OpenSecret(channel.token, keyring);
  if (!token) return Fail(std::move(token).error());
  // Another token is another bot, or a mended mistake.
  const Secret address(channel.url + '\n' + std::string(token->Reveal()));
  const auto hash = keyring.Hash(address, "endpoint");
  return HexOf(std::span(hash).first<16>());
}

Result<std::vector<ChannelAddress>> AddressesOf(const Config& config, const Keyring& keyring) {
  std::vector<ChannelAddress> addresses;
  for (const std::string& name : ChannelOrder(config)) {
    const ConfiguredChannel& channel = config.channels.at(name);
    if (!channel.is_configured()) continue;
    Result<std::string> fingerprint = FingerprintOf(channel, keyring);
    if (!fingerprint) return Fail(std::move(fingerprint).error());
    addresses.push_back({name, *std::move(fingerprint)});
  }
  return addresses;
}

Result<std::unique_ptr<ChannelDirectory>> OpenChannels(const Config& config, const Keyring& keyring,
                                                       AsyncHttpClient& http, const Clock& clock) {
  std::vector<ChannelEntry> entries;
  for (const std::string& name : ChannelOrder(config)) {
    const ConfiguredChannel& configured = config.channels.at(name);
    if (!configured.is_configured()) continue;
    Result<std::unique_ptr<Channel>> channel = OpenChannel(configured, keyring, http, clock);
    if (!channel) return Fail(std::move(channel).error());
    Result<std::string> fingerprint = FingerprintOf(configured, keyring);
    if (!fingerprint) return Fail(std::move(fingerprint).error());
    ChannelEntry entry;
    entry.name = name;
    entry.fingerprint = *std::move(fingerprint);
    entry.channel = *std::move(channel);
    entry.policy = {configured.max_delete_age, configured.edit_instead, configured.delete_incoming,
                    configured.tell_operator};
    entry.portal = configured.lines.portal;
    entry.connector = configured.lines.connector;
    entry.line = configured.lines.line;
    entries.push_back(std::move(entry));
  }
  return std::make_unique<ChannelDirectory>(std::move(entries));
}

}  // namespace imrelay
