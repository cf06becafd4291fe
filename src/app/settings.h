#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/result.h"

namespace imrelay {

// Whether an [[application]] may have this name, which stands in its paths: /bitrix24/NAME/event.
bool CanNameApplication(std::string_view name);

// The values of the known configuration keys as text, each with where it was found, before they
// are given a meaning. The keys of an [[application]] are "application.NAME.client_id" and so on,
// those of a [[line]] "line.NAME.url".
class Settings {
 public:
  // Errors: kInvalidArgument: the file cannot be read or is no TOML, a key is unknown, a value is
  // no text, number, boolean or list of texts, an application's name is wrong or there twice.
  static Result<Settings> Load(const std::string& file, const Environment& environment);

  bool Has(std::string_view key) const { return values_.contains(std::string(key)); }
  std::string Text(std::string_view key, std::string_view otherwise = {}) const;
  Result<int> Integer(std::string_view key, int otherwise, int least, int most) const;
  Result<double> Number(std::string_view key, double otherwise, double least, double most) const;
  Result<bool> Boolean(std::string_view key, bool otherwise = false) const;
  // What stands between the commas, without blanks; a list of texts comes as such a text.
  std::vector<std::string> List(std::string_view key) const;
  // The value, or the content of the file that `key`_file names.
  Result<ConfiguredSecret> SecretOf(std::string_view key) const;
  // A path; a relative one counts from the folder of the file it stands in.
  std::string Path(std::string_view key, const std::string& otherwise) const;
  std::string PathFrom(std::string_view key, const std::string& path) const;

  // The names of the tables of a kind (kApplication, kLine), in the order of the alphabet.
  std::vector<std::string> Names(std::string_view tables) const;

  // An error about one key: where it stands, its value unless secret, and what would be right.
  Error Wrong(std::string_view key, const std::string& right) const;

 private:
  struct Value {
    std::string text;
    std::string where;   // "/etc/imrelay/imrelay.toml: database.url" or a variable's name
    std::string folder;  // of the file; empty for variables
  };
  Status ReadFile(const std::string& file);
  // These two read TOML tables, whose header only settings.cc sees.
  template <class Array>
  Status ReadTables(const Array& tables, std::string_view kind, const std::string& file,
                    const std::string& folder);
  template <class Table>
  Status ReadTable(const Table& table, const std::string& section, const std::string& where,
                   const std::string& folder);
  Status ReadEnvironment(const Environment& environment);
  // The key that a variable IMRELAY_APPLICATION_… or IMRELAY_LINE_… stands for. Where no table has
  // the name, the variables make the table.
  Result<std::string> KeyInTable(const std::string& variable, std::string_view kind);
  Status AddTable(std::string_view kind, const std::string& name, const std::string& where);

  std::map<std::string, Value> values_;
  std::map<std::string, std::string> tables_;  // "application.NAME", and where it stands
};

}  // namespace imrelay
