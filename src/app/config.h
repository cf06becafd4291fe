#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "domain/served_lines.h"

namespace imrelay {

// Where a secret comes from: the value itself, or a file that holds it (the …_file key). A value
// "sealed:…", made by `imrelay key seal`, is opened with the key file.
struct ConfiguredSecret {
  std::string key;        // "bitrix24.client_secret", for errors
  Secret value;           // empty when not configured
  std::string file = {};  // that it was read from; empty when it was given itself
};

// One Bitrix24 application: the unnamed one of [bitrix24], or an [[application]].
struct ConfiguredApplication {
  std::string client_id;  // "" when the unnamed one is not configured: installations wait then
  ConfiguredSecret client_secret;
};

// Where messages go: the unnamed channel of [channel], which serves every line that no other does,
// or that of a [[line]].
struct ConfiguredChannel {
  enum class Type { kWebhook, kTelegram };
  Type type = Type::kWebhook;
  // Of the company's own service; of the Bot API's server where it is not Telegram's. What serves
  // neither, having no url or no token, is not configured: only the unnamed one can be so.
  std::string url;
  ConfiguredSecret secret;           // "whsec_" and base64; empty: nothing is signed
  ConfiguredSecret secret_previous;  // signs too, while it is being replaced
  ConfiguredSecret key;              // that the service calls us with; empty: it cannot
  ConfiguredSecret token;            // of a telegram bot
  std::optional<std::chrono::seconds> max_delete_age;
  bool edit_instead = false;  // delete_fallback = "edit"
  bool delete_incoming = false;
  bool tell_operator = true;
  ServedLines lines;  // everything, of the unnamed one

  bool is_configured() const {
    return type == Type::kTelegram ? !token.value.empty() : !url.empty();
  }
};

// The service's configuration: one TOML file, each key overridden by the environment variable
// IMRELAY_<SECTION>_<KEY>. Relative paths are relative to the file. See the README for every key.
struct Config {
  std::string file;           // that was read; "" when the environment alone configures
  std::string database_path;  // of database.url
  // How long events and what was sent are kept; 0: for ever.
  std::chrono::days keep_days{90};
  int worker_threads = 8;

  // By name. The unnamed one, "", is always there; the others have both id and secret. No two have
  // one client_id.
  std::map<std::string, ConfiguredApplication> applications{{"", {}}};
  std::vector<std::string> authorization_servers;
  std::string public_url;                 // without a trailing slash; "" when not configured
  std::set<std::string> private_portals;  // host or host:port; may live at private addresses
  double calls_per_second = 2;
  int call_burst = 50;

  std::string connector_id = "imrelay";
  std::string connector_name = "imrelay";
  std::string connector_icon;  // a data: URI; "" is the built-in one

  // By name. The unnamed one, "", is always there; each of the others is configured. No two have
  // one key, and no two named ones the same lines.
  std::map<std::string, ConfiguredChannel> channels{{"", {}}};

  std::string key_file;
  std::string spool_directory;
  bool allow_insecure_loopback = false;
};

// The environment, as NAME=VALUE pairs.
using Environment = std::map<std::string, std::string>;

// Reads the configuration. `file` may be empty: then /etc/imrelay/imrelay.toml if it is there, else
// the environment alone.
// Errors: kInvalidArgument, naming the file, the key, its value (never a secret's) and what would
// be right.
Result<Config> LoadConfig(const std::string& file, const Environment& environment);

// spool.directory alone, for the spooler: nothing else that is wrong in the configuration, and no
// secret that cannot be read, keeps it from starting.
// Errors: as LoadConfig; of the file as a whole, and of the keys it needs.
Result<std::string> LoadSpoolDirectory(const std::string& file, const Environment& environment);

// Every secret of the configuration, given or not; valid as long as `config`.
std::vector<const ConfiguredSecret*> SecretsIn(const Config& config);

// The names of the applications that have one.
std::set<std::string> NamedApplications(const Config& config);

// This process's environment.
Environment ProcessEnvironment();

}  // namespace imrelay
