#pragma once

#include <map>
#include <string>
#include <string_view>

#include "app/config.h"
#include "base/result.h"

namespace imrelay {

// The values of the known configuration keys as text, each with where it was found, before they
// are given a meaning.
class Settings {
 public:
  // Errors: kInvalidArgument: the file cannot be read or is no TOML, a key is unknown, a value is
  // no text, number or boolean.
  static Result<Settings> Load(const std::string& file, const Environment& environment);

  bool Has(std::string_view key) const { return values_.contains(std::string(key)); }
  std::string Text(std::string_view key, std::string_view otherwise = {}) const;
  Result<int> Integer(std::string_view key, int otherwise, int least, int most) const;
  Result<bool> Boolean(std::string_view key) const;
  // The value, or the content of the file that `key`_file names.
  Result<ConfiguredSecret> SecretOf(std::string_view key) const;
  // A path; a relative one counts from the folder of the file it stands in.
  std::string Path(std::string_view key, const std::string& otherwise) const;
  std::string PathFrom(std::string_view key, const std::string& path) const;

  // An error about one key: where it stands, its value unless secret, and what would be right.
  Error Wrong(std::string_view key, const std::string& right) const;

 private:
  struct Value {
    std::string text;
    std::string where;   // "/etc/imrelay/imrelay.toml: database.url" or a variable's name
    std::string folder;  // of the file; empty for variables
  };
  Status ReadFile(const std::string& file);
  Status ReadEnvironment(const Environment& environment);

  std::map<std::string, Value> values_;
};

}  // namespace imrelay
