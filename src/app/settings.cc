#include "app/settings.h"

#define TOML_EXCEPTIONS 0
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "app/settings_keys.h"
#include "codec/ascii.h"

namespace imrelay {
namespace {

// The one key that may be a list.
constexpr std::string_view kList = "bitrix24.private_portals";
constexpr std::size_t kLongestSecret = 4096;
constexpr std::size_t kLongestQuote = 200;

constexpr std::string_view kKinds[] = {kApplication, kLine};

// "[[application]]" of kApplication.
std::string HeadOf(std::string_view kind) {
  return "[[" + std::string(kind.substr(0, kind.size() - 1)) + "]]";
}

// What the variables of such tables begin with: "IMRELAY_APPLICATION_".
std::string VariableOf(std::string_view kind) {
  return "IMRELAY_" + UpperAscii(kind.substr(0, kind.size() - 1)) + '_';
}

bool IsName(std::string_view name) {
  return name.size() <= 32 && !name.empty() && name[0] != '_' && name[0] != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
}

// Whether a name can stand in a path and in a variable; the reason why not, else.
std::string FaultOf(std::string_view kind, const std::string& name) {
  const std::string right =
      "must be 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit, and not ";
  if (kind == kLine) {
    return IsName(name) && name != "default" ? "" : right + "default: that is the one of [channel]";
  }
  if (CanNameApplication(name)) return {};
  return right + "event, install or settings: it stands in /bitrix24/NAME/event";
}

// How a table's name stands in its environment variables.
std::string SpelledInVariable(std::string_view name) {
  std::string variable = UpperAscii(name);
  std::replace(variable.begin(), variable.end(), '-', '_');
  return variable;
}

std::optional<std::string> TextOf(const toml::node& node) {
  if (const auto* string = node.as_string()) return string->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number->get()).ptr;
    return std::string(digits.data(), end);
  }
  return std::nullopt;
}

std::optional<std::string> TextOfList(const toml::node& node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  std::string text;
  for (const toml::node& element : *list) {
    if (!element.is_string()) return std::nullopt;
    text += (text.empty() ? "" : ", ") + element.as_string()->get();
  }
  return text;
}

std::string TrimEnd(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

// An address without what may be secret in it: who calls, and what stands behind its path.
std::string WithoutSecrets(const std::string& address) {
  std::string shown = address;
  const std::size_t user = shown.rfind('@');  // the last: a password may hold anything
  if (user != std::string::npos) {
    const std::size_t scheme = shown.find("://");
    const std::size_t begin = scheme < user ? scheme + 3 : 0;
    shown.replace(begin, user - begin, "…");
  }
  const std::size_t query = shown.find_first_of("?#");
  return query == std::string::npos ? shown : shown.substr(0, query + 1) + "…";
}

}  // namespace

bool CanNameApplication(std::string_view name) {
  return IsName(name) && name != "event" && name != "install" && name != "settings";
}

Result<Settings> Settings::Load(const std::string& file, const Environment& environment) {
  Settings settings;
  if (!file.empty()) {
    if (Status read = settings.ReadFile(file); !read) return Fail(std::move(read).error());
  }
  if (Status read = settings.ReadEnvironment(environment); !read) {
    return Fail(std::move(read).error());
  }
  return settings;
}

Status Settings::ReadFile(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  // A folder opens, and only reading it fails.
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) text << stream.rdbuf();
  if (!stream.is_open() || stream.bad()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--config " + file + ": cannot be read; name a TOML file");
  }
  const toml::parse_result parsed = toml::parse(text.str());
  if (!parsed) {
    // The description can quote the line, and the line may hold a secret.
    return Fail(ErrorCode::kInvalidArgument,
                file + ":" + std::to_string(parsed.error().source().begin.line) +
                    ": this is no TOML; texts stand in double quotes, as in url = \"sqlite:x\"");
  }
  const std::string folder = std::filesystem::absolute(file).parent_path().string();
  for (const auto& [section, node] : parsed.table()) {
    const std::string name(section.str());
    Status read;
    const auto kind = std::find(std::begin(kKinds), std::end(kKinds), name + '.');
    if (kind != std::end(kKinds)) {
      const toml::array* tables = node.as_array();
      if (tables == nullptr || !tables->is_homogeneous(toml::node_type::table)) {
        return Fail(ErrorCode::kInvalidArgument, file + ": " + name + " must be tables headed " +
                                                     HeadOf(*kind) + ", in two brackets");
      }
      read = ReadTables(*tables, *kind, file, folder);
    } else if (const toml::table* table = node.as_table()) {
      read = ReadTable(*table, name, file + ": " + name + '.', folder);
    } else {
      read = Fail(ErrorCode::kInvalidArgument,
                  file + ": " + name + " stands outside a [section]" + KnownKeysOf(name));
    }
    if (!read) return read;
  }
  return {};
}

template <class Array>
Status Settings::ReadTables(const Array& tables, std::string_view kind, const std::string& file,
                            const std::string& folder) {
  int number = 0;
  for (const auto& node : tables) {
    toml::table table = *node.as_table();
    const std::string name = table["name"].value_or(std::string());
    std::string where = file + ": " + HeadOf(kind) + ' ';
    ++number;
    where += table["name"].is_string() ? '"' + name + '"' : "no. " + std::to_string(number);
    if (Status added = AddTable(kind, name, where); !added) return added;
    table.erase("name");
    const Status read = ReadTable(table, std::string(kind) + name, where + ": ", folder);
    if (!read) return read;
  }
  return {};
}

Status Settings::AddTable(std::string_view kind, const std::string& name,
                          const std::string& where) {
  const std::string begin = where + ": name = \"" + name + "\": ";
  if (const std::string fault = FaultOf(kind, name); !fault.empty()) {
    return Fail(ErrorCode::kInvalidArgument, begin + fault);
  }
  for (const std::string& other : Names(kind)) {
    if (SpelledInVariable(other) != SpelledInVariable(name)) continue;
    return Fail(ErrorCode::kInvalidArgument, begin + "must be another one than \"" + other +
                                                 "\", which is taken; - and _ count as the same");
  }
  tables_.emplace(std::string(kind) + name, where);
  return {};
}

template <class Table>
Status Settings::ReadTable(const Table& table, const std::string& section, const std::string& where,
                           const std::string& folder) {
  for (const auto& [key, node] : table) {
    const std::string name = section + '.' + std::string(key.str());
    Value value{{}, where + std::string(key.str()), folder};
    if (!IsKnown(name)) {
      return Fail(ErrorCode::kInvalidArgument,
                  value.where + " is no configuration key" + KnownKeysOf(section));
    }
    std::optional<std::string> text = TextOf(node);
    if (!text && name == kList) text = TextOfList(node);
    if (!text) {
      return Fail(ErrorCode::kInvalidArgument, value.where +
                                                   " must be a text, a number or a boolean" +
                                                   (name == kList ? ", or a list of texts" : ""));
    }
    value.text = *std::move(text);
    values_[name] = std::move(value);
  }
  return {};
}

Result<std::string> Settings::KeyInTable(const std::string& variable, std::string_view kind) {
  const std::string begin = VariableOf(kind);
  const std::string_view rest = std::string_view(variable).substr(begin.size());
  const std::string key = KeyAtEndOf(kind, rest);
  if (key.empty()) {
    return Fail(ErrorCode::kInvalidArgument, variable +
                                                 " is no configuration key; such variables are " +
                                                 begin + "NAME_KEY" + KnownKeysOf(kind));
  }
  const std::string_view spelled = rest.substr(0, rest.size() - key.size() - 1);
  std::string name = LowerAscii(spelled);
  for (const std::string& known : Names(kind)) {
    if (SpelledInVariable(known) == spelled) name = known;
  }
  if (!tables_.contains(std::string(kind) + name)) {
    if (Status added = AddTable(kind, name, variable); !added) {
      return Fail(std::move(added).error());
    }
  }
  return std::string(kind) + name + '.' + key;
}

Status Settings::ReadEnvironment(const Environment& environment) {
  for (const auto& [variable, text] : environment) {
    if (!variable.starts_with("IMRELAY_")) continue;
    std::string key = KeyOfVariable(variable);
    for (const std::string_view kind : kKinds) {
      if (!variable.starts_with(VariableOf(kind))) continue;
      Result<std::string> of_table = KeyInTable(variable, kind);
      if (!of_table) return Fail(std::move(of_table).error());
      key = *std::move(of_table);
    }
    const std::string file_variable = variable + "_FILE";
    if (IsSecret(key) && environment.contains(file_variable)) {
      return Fail(ErrorCode::kInvalidArgument,
                  file_variable + ": must be not given together with " + variable);
    }
    if (IsKnown(key)) {
      // A secret's value overrides its file and the other way round.
      if (key.ends_with(kFileSuffix)) values_.erase(key.substr(0, key.size() - 5));
      values_.erase(key + std::string(kFileSuffix));
      values_[key] = {text, variable, {}};
    } else if (HasKnownSection(key) && key.find('.') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument, variable + " is no configuration key" +
                                                   KnownKeysOf(key.substr(0, key.find('.'))));
    }
  }
  return {};
}

std::string Settings::Text(std::string_view key, std::string_view otherwise) const {
  const auto found = values_.find(std::string(key));
  return found == values_.end() ? std::string(otherwise) : found->second.text;
}

Result<int> Settings::Integer(std::string_view key, int otherwise, int least, int most) const {
  if (!Has(key)) return otherwise;
  const std::string text = Text(key);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return Fail(
        Wrong(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most)));
  }
  return value;
}

Result<double> Settings::Number(std::string_view key, double otherwise, double least,
                                double most) const {
  if (!Has(key)) return otherwise;
  const std::string text = Text(key);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
    return value;
  }
  std::ostringstream right;
  right << "a number from " << least << " to " << most;
  return Fail(Wrong(key, right.str()));
}

std::vector<std::string> Settings::List(std::string_view key) const {
  std::vector<std::string> parts;
  std::istringstream text(Text(key));
  for (std::string part; std::getline(text, part, ',');) {
    part = TrimEnd(part.erase(0, part.find_first_not_of(' ')));
    if (!part.empty()) parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<std::string> Settings::Names(std::string_view tables) const {
  std::vector<std::string> names;
  for (const auto& [name, where] : tables_) {
    if (name.starts_with(tables)) names.push_back(name.substr(tables.size()));
  }
  return names;
}

Result<bool> Settings::Boolean(std::string_view key, bool otherwise) const {
  const std::string text = Text(key, otherwise ? "true" : "false");
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0" || text.empty()) return false;
  return Fail(Wrong(key, "true or false"));
}

Result<ConfiguredSecret> Settings::SecretOf(std::string_view key) const {
  const std::string file_key = std::string(key) + std::string(kFileSuffix);
  if (Has(key) && Has(file_key)) {
    return Fail(Wrong(file_key, "not given together with " + std::string(key)));
  }
  if (!Has(file_key)) return ConfiguredSecret{std::string(key), Secret(Text(key))};
  const std::string path = Path(file_key, {});
  std::ifstream stream(path);
  std::string text(kLongestSecret + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const bool too_long = text.size() > kLongestSecret;
  text = TrimEnd(std::move(text));
  if (stream.bad() || text.empty() || too_long) {
    return Fail(Wrong(file_key, "a readable file that holds the secret and nothing else"));
  }
  return ConfiguredSecret{std::string(key), Secret(std::move(text)), path};
}

std::string Settings::Path(std::string_view key, const std::string& otherwise) const {
  if (!Has(key) || Text(key).empty()) return otherwise;
  return PathFrom(key, Text(key));
}

std::string Settings::PathFrom(std::string_view key, const std::string& path) const {
  const auto found = values_.find(std::string(key));
  const std::filesystem::path given(path);
  if (given.is_absolute() || found == values_.end() || found->second.folder.empty()) return path;
  return (std::filesystem::path(found->second.folder) / given).lexically_normal().string();
}

Error Settings::Wrong(std::string_view key, const std::string& right) const {
  const auto found = values_.find(std::string(key));
  std::string where(key);
  std::string value;
  if (found != values_.end()) {
    where = found->second.where;
    const std::string& text = found->second.text;
    const std::string shown = key.ends_with(".url") ? WithoutSecrets(text) : text;
    if (!IsSecret(key)) value = " = \"" + shown.substr(0, kLongestQuote) + '"';
  } else {
    const std::size_t end = std::min(key.rfind('.'), key.size());
    const auto stands = tables_.find(std::string(key.substr(0, end)));
    if (stands != tables_.end()) {
      where = stands->second + ": " + std::string(key.substr(end + 1));
    }
  }
  return Error{ErrorCode::kInvalidArgument, where + value + ": must be " + right};
}

}  // namespace imrelay
