#include "app/settings.h"

#define TOML_EXCEPTIONS 0
#include <sys/stat.h>
#include <toml++/toml.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace imrelay {
namespace {

// Every key of the configuration. A secret may also be given as <key>_file.
struct Key {
  std::string_view name;
  bool secret = false;
};
constexpr std::array kKeys{
    Key{"database.url"},
    Key{"worker.threads"},
    Key{"bitrix24.client_id"},
    Key{"bitrix24.client_secret", true},
    Key{"bitrix24.oauth_url"},
    Key{"bitrix24.public_url"},
    Key{"connector.id"},
    Key{"connector.name"},
    Key{"connector.icon"},
    Key{"channel.type"},
    Key{"channel.url"},
    Key{"channel.secret", true},
    Key{"channel.secret_previous", true},
    Key{"channel.key", true},
    Key{"channel.max_delete_age"},
    Key{"channel.delete_fallback"},
    Key{"channel.delete_incoming"},
    Key{"security.key_file"},
    Key{"security.allow_insecure_loopback"},
    Key{"spool.directory"},
};
constexpr std::string_view kFileSuffix = "_file";
constexpr std::size_t kLongestSecret = 4096;

bool IsSecret(std::string_view name) {
  for (const Key& key : kKeys) {
    if (key.name == name) return key.secret;
  }
  return false;
}

bool IsKnown(std::string_view name) {
  for (const Key& key : kKeys) {
    if (key.name == name) return true;
  }
  if (!name.ends_with(kFileSuffix)) return false;
  name.remove_suffix(kFileSuffix.size());
  return IsSecret(name);
}

// "IMRELAY_DATABASE_URL" -> "database.url". The section ends at the first underscore.
std::string KeyOfVariable(std::string_view variable) {
  std::string key(variable.substr(std::string_view("IMRELAY_").size()));
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::size_t end = key.find('_');
  if (end != std::string::npos) key[end] = '.';
  return key;
}

bool HasKnownSection(std::string_view key) {
  const std::string section(key.substr(0, key.find('.')));
  for (const Key& known : kKeys) {
    if (known.name.starts_with(section + '.')) return true;
  }
  return false;
}

std::string KnownKeysOf(std::string_view section) {
  std::string list;
  for (const Key& key : kKeys) {
    if (!key.name.starts_with(std::string(section) + '.')) continue;
    if (!list.empty()) list += ", ";
    list += key.name;
  }
  if (!list.empty()) return "; keys of this section: " + list;
  return "; sections: database, worker, bitrix24, connector, channel, security, spool";
}

std::string TrimEnd(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

}  // namespace

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
  for (const auto& [section, table] : parsed.table()) {
    const std::string section_name(section.str());
    if (!table.is_table()) {
      return Fail(
          ErrorCode::kInvalidArgument,
          file + ": " + section_name + " stands outside a [section]" + KnownKeysOf(section_name));
    }
    for (const auto& [key, node] : *table.as_table()) {
      const std::string name = section_name + '.' + std::string(key.str());
      const std::string where = file + ": " + name;
      if (!IsKnown(name)) {
        return Fail(ErrorCode::kInvalidArgument,
                    where + " is no configuration key" + KnownKeysOf(section_name));
      }
      Value value{{}, where, folder};
      if (const auto* string = node.as_string()) {
        value.text = string->get();
      } else if (const auto* integer = node.as_integer()) {
        value.text = std::to_string(integer->get());
      } else if (const auto* boolean = node.as_boolean()) {
        value.text = boolean->get() ? "true" : "false";
      } else {
        return Fail(ErrorCode::kInvalidArgument, where + " must be a text, a number or a boolean");
      }
      values_[name] = std::move(value);
    }
  }
  return {};
}

Status Settings::ReadEnvironment(const Environment& environment) {
  for (const auto& [variable, text] : environment) {
    if (!variable.starts_with("IMRELAY_")) continue;
    const std::string key = KeyOfVariable(variable);
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

Result<bool> Settings::Boolean(std::string_view key) const {
  const std::string text = Text(key, "false");
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
  return ConfiguredSecret{std::string(key), Secret(std::move(text))};
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
  const std::string where = found == values_.end() ? std::string(key) : found->second.where;
  const std::string value =
      found == values_.end() || IsSecret(key) ? "" : " = \"" + found->second.text + "\"";
  return Error{ErrorCode::kInvalidArgument, where + value + ": must be " + right};
}

}  // namespace imrelay
