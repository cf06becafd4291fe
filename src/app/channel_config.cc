#include "app/channel_config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "app/service.h"
#include "app/settings_keys.h"
#include "bitrix24/endpoint.h"
#include "codec/ascii.h"
#include "crypto/digest.h"
#include "http/address.h"

namespace imrelay {
namespace {

using Type = ConfiguredChannel::Type;

constexpr std::size_t kShortestKey = 16;
constexpr std::size_t kLongestKey = 256;
constexpr std::size_t kLongestId = 100;
constexpr std::chrono::seconds kLongestAge = std::chrono::days(3650);

bool IsSealed(const ConfiguredSecret& secret) {
  return secret.value.Reveal().starts_with(kSealedPrefix);
}

bool AreVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// Whether a host is an address, and one that the whole world reaches.
bool IsPublicAddress(const std::string& host) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    return KindOf(reinterpret_cast<const sockaddr&>(v4)) == AddressKind::kPublic;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return false;
  return KindOf(reinterpret_cast<const sockaddr&>(v6)) == AddressKind::kPublic;
}

Result<std::string> Url(const Settings& settings, const std::string& key, Type type) {
  std::string url = settings.Text(key);
  if (url.empty()) return url;
  const bool may_have_query = type == Type::kWebhook;
  const std::size_t query = may_have_query ? std::min(url.find('?'), url.size()) : url.size();
  const std::optional<Endpoint> endpoint = ParseEndpoint(url.substr(0, query));
  const std::string_view rest = std::string_view(url).substr(query);
  if (!endpoint || !AreVisible(rest) || rest.find('#') != rest.npos) {
    return Fail(settings.Wrong(key, "an address, as in https://channel.example.com/imrelay"));
  }
  if (endpoint->scheme == "http" && IsPublicAddress(endpoint->Host())) {
    return Fail(settings.Wrong(
        key, "an https:// address: http:// is for loopback and private addresses only"));
  }
  while (!may_have_query && url.ends_with('/')) url.pop_back();
  return url;
}

Result<std::optional<std::chrono::seconds>> Age(const Settings& settings, const std::string& key) {
  using Seconds = std::chrono::seconds;
  const std::string text = settings.Text(key);
  if (text.empty()) return std::optional<Seconds>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  Seconds one(0);
  if (unit.empty() || unit == "s") one = Seconds(1);
  if (unit == "m") one = std::chrono::minutes(1);
  if (unit == "h") one = std::chrono::hours(1);
  if (unit == "d") one = std::chrono::days(1);
  const bool well = error == std::errc() && one.count() > 0 && number > 0 &&
                    number <= kLongestAge.count() && number * one <= kLongestAge;
  if (well) return std::optional(number * one);
  return Fail(settings.Wrong(key, "a time, as in \"48h\", \"30m\", \"7d\" or 3600 (seconds)"));
}

Status ReadSecret(const Settings& settings, const std::string& key, ConfiguredSecret& into,
                  const auto& fault_of) {
  Result<ConfiguredSecret> secret = settings.SecretOf(key);
  if (!secret) return Fail(std::move(secret).error());
  into = *std::move(secret);
  if (into.value.empty() || IsSealed(into)) return {};
  const std::string fault = fault_of(into.value);
  if (fault.empty()) return {};
  return Fail(settings.Wrong(into.file.empty() ? key : key + std::string(kFileSuffix), fault));
}

Status ReadSecrets(const Settings& settings, const std::string& section,
                   ConfiguredChannel& channel) {
  const auto key_fault = [&](const Secret& key) { return FaultOfKey(channel.type, key); };
  if (Status read = ReadSecret(settings, section + "secret", channel.secret, FaultOfSigningSecret);
      !read) {
    return read;
  }
  if (Status read = ReadSecret(settings, section + "secret_previous", channel.secret_previous,
                               FaultOfSigningSecret);
      !read) {
    return read;
  }
  if (Status read = ReadSecret(settings, section + "token", channel.token, FaultOfToken); !read) {
    return read;
  }
  return ReadSecret(settings, section + "key", channel.key, key_fault);
}

Status ReadDeletions(const Settings& settings, const std::string& section,
                     ConfiguredChannel& channel) {
  Result<std::optional<std::chrono::seconds>> age = Age(settings, section + "max_delete_age");
  if (!age) return Fail(std::move(age).error());
  channel.max_delete_age = *age;
  const std::string fallback = settings.Text(section + "delete_fallback");
  if (!fallback.empty() && fallback != "edit") {
    return Fail(settings.Wrong(section + "delete_fallback",
                               "\"edit\", which sends an edit where the channel cannot delete, or "
                               "empty"));
  }
  channel.edit_instead = fallback == "edit";
  Result<bool> incoming = settings.Boolean(section + "delete_incoming");
  if (!incoming) return Fail(std::move(incoming).error());
  channel.delete_incoming = *incoming;
  Result<bool> tell = settings.Boolean(section + "tell_operator", true);
  if (!tell) return Fail(std::move(tell).error());
  channel.tell_operator = *tell;
  return {};
}

Status ReadChannel(const Settings& settings, const std::string& section,
                   ConfiguredChannel& channel) {
  const std::string type = settings.Text(section + "type", "webhook");
  if (type != "webhook" && type != "telegram") {
    return Fail(settings.Wrong(section + "type", "webhook or telegram"));
  }
  channel.type = type == "webhook" ? Type::kWebhook : Type::kTelegram;
  Result<std::string> url = Url(settings, section + "url", channel.type);
  if (!url) return Fail(std::move(url).error());
  channel.url = *std::move(url);
  if (Status read = ReadSecrets(settings, section, channel); !read) return read;
  return ReadDeletions(settings, section, channel);
}

// As the events name them.
Status ReadLines(const Settings& settings, const std::string& section, ServedLines& lines) {
  const std::string portal = LowerAscii(settings.Text(section + "portal"));
  if (portal.size() > kLongestId || !AreVisible(portal)) {
    return Fail(settings.Wrong(section + "portal",
                               "a portal's member_id, as imrelay portal list shows it"));
  }
  const std::string connector = LowerAscii(settings.Text(section + "connector"));
  if (connector.size() > kLongestId || !AreVisible(connector)) {
    return Fail(settings.Wrong(section + "connector", "a connector's id"));
  }
  Result<int> line =
      settings.Integer(section + "line", 0, 1, std::numeric_limits<std::int32_t>::max());
  if (!line) return Fail(std::move(line).error());
  if (portal.empty() && *line == 0) {
    return Fail(settings.Wrong(section + (settings.Has(section + "portal") ? "portal" : "line"),
                               "given, or portal: the number of the open line, as imrelay message "
                               "find shows it"));
  }
  if (!portal.empty()) lines.portal = MemberId(portal);
  if (!connector.empty()) lines.connector = ConnectorId(connector);
  if (*line != 0) lines.line = LineId(*line);
  return {};
}

// A table that is there is meant.
Status ReadLine(const Settings& settings, const std::string& section, Config& config,
                ConfiguredChannel& channel) {
  if (Status read = ReadLines(settings, section, channel.lines); !read) return read;
  for (const auto& [name, other] : config.channels) {
    if (&other == &channel || name.empty() || other.lines != channel.lines) continue;
    return Fail(settings.Wrong(
        section + (channel.lines.line ? "line" : "portal"),
        "another one than that of [[line]] \"" + name + "\": a line has one channel"));
  }
  if (channel.is_configured()) return {};
  const bool telegram = channel.type == Type::kTelegram;
  return Fail(settings.Wrong(section + (telegram ? "token" : "url"),
                             telegram ? "given, or token_file: the bot's, from @BotFather"
                                      : "given: where the channel's service is called"));
}

Status CheckKeysDiffer(const Settings& settings, const Config& config) {
  for (const auto& [name, channel] : config.channels) {
    for (const auto& [other_name, other] : config.channels) {
      if (other_name >= name || channel.key.value.empty()) continue;
      if (channel.key.value.Reveal() != other.key.value.Reveal()) continue;
      const std::string key =
          channel.key.key + (channel.key.file.empty() ? "" : std::string(kFileSuffix));
      return Fail(settings.Wrong(
          key, "another one than that of " +
                   (other_name.empty() ? "[channel]" : "[[line]] \"" + other_name + '"') +
                   ": by it the channel's service is known"));
    }
  }
  return {};
}

}  // namespace

Status ReadChannels(const Settings& settings, Config& config) {
  if (Status read = ReadChannel(settings, "channel.", config.channels[""]); !read) return read;
  for (const std::string& name : settings.Names(kLine)) {
    const std::string section = std::string(kLine) + name + '.';
    ConfiguredChannel& channel = config.channels[name];
    if (Status read = ReadChannel(settings, section, channel); !read) return read;
    if (Status read = ReadLine(settings, section, config, channel); !read) return read;
  }
  return CheckKeysDiffer(settings, config);
}

std::vector<std::string> ChannelOrder(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, channel] : config.channels) {
    if (!name.empty()) names.push_back(name);
  }
  const auto exactness = [&](const std::string& name) {
    const ServedLines& lines = config.channels.at(name).lines;
    return std::array{lines.portal.has_value(), lines.line.has_value(),
                      lines.connector.has_value()};
  };
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return exactness(a) > exactness(b);
  });
  names.emplace_back();
  return names;
}

std::string FaultOfSigningSecret(const Secret& secret) {
  constexpr std::string_view kBegin = "whsec_";
  const std::string_view text = secret.Reveal();
  if (text.starts_with(kBegin)) {
    const std::optional<std::string> bytes = FromBase64(text.substr(kBegin.size()));
    if (bytes && bytes->size() >= 24 && bytes->size() <= 64) return {};
  }
  return "whsec_ and the base64 of 24 to 64 bytes; make one with: "
         "echo whsec_$(openssl rand -base64 32)";
}

std::string FaultOfKey(ConfiguredChannel::Type type, const Secret& key) {
  const std::string_view text = key.Reveal();
  const bool has_size = text.size() >= kShortestKey && text.size() <= kLongestKey;
  if (type == Type::kWebhook) {
    if (has_size && AreVisible(text)) return {};
    return "16 to 256 visible ASCII characters; make one with: openssl rand -hex 32";
  }
  // Source: core.telegram.org/bots/api, setWebhook, secret_token.
  const bool fits = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-';
  });
  if (has_size && fits) return {};
  return "16 to 256 of A-Z, a-z, 0-9, _ and -, which is what Telegram takes as secret_token; make "
         "one with: openssl rand -hex 32";
}

std::string FaultOfToken(const Secret& token) {
  const std::string_view text = token.Reveal();
  const std::size_t colon = std::min(text.find(':'), text.size());
  const bool well = colon > 0 && colon + 1 < text.size() && text.size() <= kLongestKey &&
                    text.substr(0, colon).find_first_not_of("0123456789") == text.npos &&
                    text.find_first_not_of(
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789_-",
                        colon + 1) == text.npos;
  return well ? std::string() : "a bot's token, as @BotFather gives it: 123456:ABC-DEF…";
}

}  // namespace imrelay
