#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace imrelay {

// Where a secret comes from: the value itself, or a file that holds it (the …_file key). A value
// "sealed:…", made by `imrelay key seal`, is opened with the key file.
struct ConfiguredSecret {
  std::string key;  // "bitrix24.client_secret", for errors
  Secret value;     // empty when not configured
};

// One Bitrix24 application: the unnamed one of [bitrix24], or an [[application]].
struct ConfiguredApplication {
  std::string client_id;  // "" when the unnamed one is not configured: installations wait then
  ConfiguredSecret client_secret;
};

// The service's configuration: one TOML file, each key overridden by the environment variable
// IMRELAY_<SECTION>_<KEY>. Relative paths are relative to the file. See the README for every key.
struct Config {
  std::string database_path;  // of database.url
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

  std::string channel_type = "webhook";
  std::string channel_url;
  ConfiguredSecret channel_secret;
  ConfiguredSecret channel_secret_previous;
  ConfiguredSecret channel_key;
  std::string channel_max_delete_age;
  std::string channel_delete_fallback;
  bool channel_delete_incoming = false;

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

// This process's environment.
Environment ProcessEnvironment();

}  // namespace imrelay
