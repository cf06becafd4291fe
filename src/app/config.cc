#include "app/config.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "app/bitrix24_config.h"
#include "app/channel_config.h"
#include "app/settings.h"

namespace imrelay {
namespace {

constexpr const char* kDefaultFile = "/etc/imrelay/imrelay.toml";
constexpr const char* kSpool = "spool";
constexpr const char* kDefaultDatabase = "sqlite:/var/lib/imrelay/imrelay.db";

Result<std::string> DatabasePath(const Settings& settings) {
  const std::string url = settings.Text("database.url", kDefaultDatabase);
  if (url.starts_with("postgresql://")) {
    return Fail(settings.Wrong("database.url",
                               "sqlite:PATH; this version does not know postgresql:// yet"));
  }
  const std::string path = url.starts_with("sqlite:") ? url.substr(7) : std::string();
  if (path.empty() || path.starts_with("//") || path == ":memory:") {
    return Fail(
        settings.Wrong("database.url", "sqlite:PATH, as in sqlite:/var/lib/imrelay/imrelay.db"));
  }
  return settings.PathFrom("database.url", path);
}

// Less would forget what Bitrix24 and channels may still repeat.
constexpr int kLeastKeepDays = 7;
constexpr int kMostKeepDays = 36'500;

Status ReadRetention(const Settings& settings, Config& config) {
  Result<int> days = settings.Integer("database.keep_days", 90, 0, kMostKeepDays);
  if (!days || (*days != 0 && *days < kLeastKeepDays)) {
    return Fail(
        settings.Wrong("database.keep_days", "a whole number from 7 to 36500, or 0: for ever"));
  }
  config.keep_days = std::chrono::days(*days);
  return {};
}

std::string Beside(const std::string& path, const char* name) {
  return (std::filesystem::path(path).parent_path() / name).string();
}

Result<Config> Interpret(const Settings& settings) {
  Config config;
  Result<std::string> database = DatabasePath(settings);
  if (!database) return Fail(std::move(database).error());
  config.database_path = *std::move(database);
  if (Status read = ReadRetention(settings, config); !read) return Fail(std::move(read).error());
  Result<int> threads = settings.Integer("worker.threads", config.worker_threads, 1, 1024);
  if (!threads) return Fail(std::move(threads).error());
  config.worker_threads = *threads;
  Result<bool> loopback = settings.Boolean("security.allow_insecure_loopback");
  if (!loopback) return Fail(std::move(loopback).error());
  config.allow_insecure_loopback = *loopback;
  if (Status read = ReadBitrix24(settings, config); !read) return Fail(std::move(read).error());
  if (Status read = ReadConnector(settings, config); !read) return Fail(std::move(read).error());
  if (Status read = ReadChannels(settings, config); !read) return Fail(std::move(read).error());
  config.key_file = settings.Path("security.key_file", Beside(config.database_path, "imrelay.key"));
  config.spool_directory = settings.Path("spool.directory", Beside(config.database_path, kSpool));
  return config;
}

std::string FileToRead(const std::string& file) {
  if (!file.empty()) return file;
  // A file that may not even be looked for is one that cannot be read, and not one that is missing.
  std::error_code error;
  return std::filesystem::exists(kDefaultFile, error) || error ? kDefaultFile : "";
}

}  // namespace

Result<Config> LoadConfig(const std::string& file, const Environment& environment) {
  const std::string path = FileToRead(file);
  Result<Settings> settings = Settings::Load(path, environment);
  if (!settings) return Fail(std::move(settings).error());
  Result<Config> config = Interpret(*settings);
  if (config) config->file = path;
  return config;
}

Result<std::string> LoadSpoolDirectory(const std::string& file, const Environment& environment) {
  Result<Settings> settings = Settings::Load(FileToRead(file), environment);
  if (!settings) return Fail(std::move(settings).error());
  // Empty means the default, as for the worker.
  std::string named = settings->Path("spool.directory", {});
  if (!named.empty()) return named;
  Result<std::string> database = DatabasePath(*settings);
  if (!database) return database;
  return Beside(*database, kSpool);
}

std::vector<const ConfiguredSecret*> SecretsIn(const Config& config) {
  std::vector<const ConfiguredSecret*> secrets;
  for (const auto& [name, channel] : config.channels) {
    for (const ConfiguredSecret* secret :
         {&channel.secret, &channel.secret_previous, &channel.key, &channel.token}) {
      secrets.push_back(secret);
    }
  }
  for (const auto& [name, application] : config.applications) {
    secrets.push_back(&application.client_secret);
  }
  return secrets;
}

Environment ProcessEnvironment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string pair(*entry);
    const std::size_t equals = pair.find('=');
    if (equals != std::string::npos) variables[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return variables;
}

std::set<std::string> NamedApplications(const Config& config) {
  std::set<std::string> names;
  for (const auto& [name, application] : config.applications) {
    if (!name.empty()) names.insert(name);
  }
  return names;
}

}  // namespace imrelay
