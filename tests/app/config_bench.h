#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "app/config.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {

class ConfigBench {
 public:
  // Reads `toml` as the configuration file.
  Result<Config> Load(const std::string& toml, const Environment& environment = {}) {
    std::ofstream(file()) << toml;
    return LoadConfig(file(), environment);
  }
  Config Loaded(const std::string& toml, const Environment& environment = {}) {
    Result<Config> config = Load(toml, environment);
    if (!config) FAIL(config.error().message);
    return *std::move(config);
  }
  // The sentence with which it is refused.
  std::string Refusal(const std::string& toml, const Environment& environment = {}) {
    const Result<Config> config = Load(toml, environment);
    REQUIRE_FALSE(config.has_value());
    CHECK(config.error().code == ErrorCode::kInvalidArgument);
    return config.error().message;
  }
  std::string Write(const char* name, const std::string& text) {
    std::ofstream(directory.File(name)) << text;
    return directory.File(name);
  }
  std::string file() const { return directory.File("imrelay.toml"); }
  std::string folder() const { return std::filesystem::path(file()).parent_path().string(); }

  TemporaryDirectory directory;
};

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string Revealed(const ConfiguredSecret& secret) {
  return std::string(secret.value.Reveal());
}

}  // namespace imrelay
