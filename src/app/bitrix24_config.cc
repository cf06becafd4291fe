#include "app/bitrix24_config.h"

#include <arpa/inet.h>

#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <utility>

#include "app/settings_keys.h"
#include "base/utf8.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/endpoint.h"
#include "crypto/digest.h"

namespace imrelay {
namespace {

// Bitrix24 keeps 255 characters of an address, and /bitrix24/NAME/settings is put behind this one.
// Source: rest/lib/handlerhelper.php.
constexpr std::size_t kLongestPublicUrl = 200;
constexpr std::size_t kLongestConnectorId = 50;
constexpr std::size_t kLongestConnectorName = 255;
constexpr std::size_t kLargestIcon = 64 << 10;

Result<std::vector<std::string>> AuthorizationServers(const Settings& settings,
                                                      bool allow_insecure_loopback) {
  std::string url = settings.Text("bitrix24.oauth_url");
  if (url.empty()) {
    return std::vector<std::string>(std::begin(kOfficialAuthorizationServers),
                                    std::end(kOfficialAuthorizationServers));
  }
  while (url.ends_with('/')) url.pop_back();
  // The client secret goes there, so anything but https is a mistake.
  if (url.starts_with("https://")) return std::vector<std::string>{url};
  if (!url.starts_with("http://")) {
    return Fail(settings.Wrong("bitrix24.oauth_url", "an https:// address"));
  }
  if (allow_insecure_loopback) return std::vector<std::string>{url};
  return Fail(settings.Wrong("bitrix24.oauth_url",
                             "an https:// address; http:// on the loopback needs "
                             "security.allow_insecure_loopback = true and is for tests"));
}

bool IsLoopback(const std::string& host) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
  return host == "localhost" || host == "::1";
}

Result<std::string> PublicUrl(const Settings& settings, bool allow_insecure_loopback) {
  constexpr const char* kKey = "bitrix24.public_url";
  const std::string text = settings.Text(kKey);
  if (text.empty()) return text;
  const std::optional<Endpoint> endpoint = ParseEndpoint(text);
  if (!endpoint) {
    return Fail(settings.Wrong(kKey, "https://HOST or https://HOST/PATH, without a query"));
  }
  if (endpoint->scheme == "http" && !(allow_insecure_loopback && IsLoopback(endpoint->Host()))) {
    return Fail(settings.Wrong(kKey,
                               "an https:// address; http:// is for tests, on the loopback, and "
                               "needs security.allow_insecure_loopback = true"));
  }
  std::string url = endpoint->Url();
  while (url.ends_with('/')) url.pop_back();
  if (url.size() <= kLongestPublicUrl) return url;
  return Fail(settings.Wrong(kKey, "at most " + std::to_string(kLongestPublicUrl) +
                                       " characters long: Bitrix24 keeps 255 of an address"));
}

Result<std::set<std::string>> PrivatePortals(const Settings& settings) {
  std::set<std::string> portals;
  for (const std::string& host : settings.List("bitrix24.private_portals")) {
    const std::optional<Endpoint> endpoint = ParseEndpoint("https://" + host);
    if (endpoint && host.find('/') == std::string::npos) {
      portals.insert(endpoint->authority);
      continue;
    }
    return Fail(settings.Wrong("bitrix24.private_portals",
                               "hosts alone, as in [\"portal.example.lan\"] or "
                               "\"portal.example.lan:8443, 10.0.0.5\"; \"" +
                                   host + "\" is none"));
  }
  return portals;
}

// Named ones are complete or refused: a table that is there is meant.
Status ReadApplications(const Settings& settings, Config& config) {
  std::map<std::string, std::string> name_of_client;
  const std::vector<std::string> named = settings.Names(kApplication);
  std::deque<std::string> names(named.begin(), named.end());
  names.emplace_front();  // the unnamed one first, so that the others are told to differ from it
  for (const std::string& name : names) {
    const std::string section = name.empty() ? "bitrix24" : "application." + name;
    ConfiguredApplication& application = config.applications[name];
    application.client_id = settings.Text(section + ".client_id");
    Result<ConfiguredSecret> secret = settings.SecretOf(section + ".client_secret");
    if (!secret) return Fail(std::move(secret).error());
    application.client_secret = *std::move(secret);
    if (!name.empty() && application.client_id.empty()) {
      return Fail(settings.Wrong(section + ".client_id",
                                 "given: the one from the application's card in Bitrix24"));
    }
    if (!name.empty() && application.client_secret.value.empty()) {
      return Fail(settings.Wrong(section + ".client_secret",
                                 "given, or client_secret_file: the key from the application's "
                                 "card in Bitrix24"));
    }
    if (application.client_id.empty()) continue;
    const auto [other, is_new] = name_of_client.emplace(application.client_id, name);
    if (is_new) continue;
    return Fail(settings.Wrong(
        section + ".client_id",
        "another one than that of " +
            (other->second.empty() ? "[bitrix24]" : "the application \"" + other->second + '"') +
            ": each application is configured once"));
  }
  return {};
}

std::optional<std::string> ImageType(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  const std::size_t tag = bytes.find("<svg");
  // Only text stands before it: a declaration, comments.
  if (tag != bytes.npos && IsValidUtf8(bytes)) return "image/svg+xml";
  return std::nullopt;
}

// What can stand in a style sheet's url() as it is.
bool IsImageUri(const std::string& uri) {
  if (!uri.starts_with("data:image/") || uri.find(',') == uri.npos) return false;
  for (const char c : uri) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\' || c == '(' || c == ')' ||
        c == '<' || c == '>') {
      return false;
    }
  }
  return true;
}

Result<std::string> Icon(const Settings& settings) {
  constexpr const char* kKey = "connector.icon";
  const std::string text = settings.Text(kKey);
  if (text.empty()) return text;
  if (text.starts_with("data:")) {
    if (IsImageUri(text) && text.size() <= 2 * kLargestIcon) return text;
    return Fail(
        settings.Wrong(kKey, "data:image/svg+xml or data:image/png, percent-encoded or base64"));
  }
  std::ifstream stream(settings.Path(kKey, {}), std::ios::binary);
  std::string bytes(kLargestIcon + 1, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  const std::optional<std::string> type = ImageType(bytes);
  if (!stream.bad() && type && bytes.size() <= kLargestIcon) {
    return "data:" + *type + ";base64," + Base64(bytes);
  }
  return Fail(
      settings.Wrong(kKey, "a readable SVG or PNG file of at most 64 KiB, or a data: address"));
}

}  // namespace

Status ReadBitrix24(const Settings& settings, Config& config) {
  Result<std::vector<std::string>> servers =
      AuthorizationServers(settings, config.allow_insecure_loopback);
  if (!servers) return Fail(std::move(servers).error());
  config.authorization_servers = *std::move(servers);
  if (Status read = ReadApplications(settings, config); !read) return read;
  Result<std::string> public_url = PublicUrl(settings, config.allow_insecure_loopback);
  if (!public_url) return Fail(std::move(public_url).error());
  config.public_url = *std::move(public_url);
  Result<std::set<std::string>> portals = PrivatePortals(settings);
  if (!portals) return Fail(std::move(portals).error());
  config.private_portals = *std::move(portals);
  Result<double> rate =
      settings.Number("bitrix24.calls_per_second", config.calls_per_second, 0.1, 10000);
  if (!rate) return Fail(std::move(rate).error());
  config.calls_per_second = *rate;
  Result<int> burst = settings.Integer("bitrix24.call_burst", config.call_burst, 1, 1000000);
  if (!burst) return Fail(std::move(burst).error());
  config.call_burst = *burst;
  return {};
}

Status ReadConnector(const Settings& settings, Config& config) {
  config.connector_id = settings.Text("connector.id", config.connector_id);
  const bool is_id =
      !config.connector_id.empty() && config.connector_id.size() <= kLongestConnectorId &&
      config.connector_id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") ==
          std::string::npos;
  if (!is_id) {
    return Fail(settings.Wrong("connector.id",
                               "1 to 50 of a-z, 0-9, _ and -: Bitrix24 takes no other letters, and "
                               "no dot"));
  }
  config.connector_name = settings.Text("connector.name", config.connector_name);
  if (config.connector_name.empty() || config.connector_name.size() > kLongestConnectorName ||
      !IsValidUtf8(config.connector_name)) {
    return Fail(settings.Wrong("connector.name", "a name of at most 255 bytes, in UTF-8"));
  }
  Result<std::string> icon = Icon(settings);
  if (!icon) return Fail(std::move(icon).error());
  config.connector_icon = *std::move(icon);
  return {};
}

}  // namespace imrelay
