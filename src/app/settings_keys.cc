#include "app/settings_keys.h"

#include <algorithm>
#include <array>

#include "codec/ascii.h"

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
    Key{"bitrix24.private_portals"},
    Key{"bitrix24.calls_per_second"},
    Key{"bitrix24.call_burst"},
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

// "client_id" of "application.NAME.client_id"; empty when the key is no application's.
std::string_view KeyOfApplication(std::string_view name) {
  if (!name.starts_with(kApplication)) return {};
  name.remove_prefix(kApplication.size());
  return name.substr(std::min(name.find('.'), name.size() - 1) + 1);
}

}  // namespace

bool IsSecret(std::string_view name) {
  if (KeyOfApplication(name) == "client_secret") return true;
  for (const Key& key : kKeys) {
    if (key.name == name) return key.secret;
  }
  return false;
}

bool IsKnown(std::string_view name) {
  if (KeyOfApplication(name) == "client_id" || IsSecret(name)) return true;
  for (const Key& key : kKeys) {
    if (key.name == name) return true;
  }
  if (!name.ends_with(kFileSuffix)) return false;
  name.remove_suffix(kFileSuffix.size());
  return IsSecret(name);
}

std::string KeyOfVariable(std::string_view variable) {
  std::string key = LowerAscii(variable.substr(std::string_view("IMRELAY_").size()));
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
  if (section.starts_with("application")) {
    return "; keys of an [[application]]: name, client_id, client_secret, client_secret_file";
  }
  std::string list;
  for (const Key& key : kKeys) {
    if (!key.name.starts_with(std::string(section) + '.')) continue;
    if (!list.empty()) list += ", ";
    list += key.name;
  }
  if (!list.empty()) return "; keys of this section: " + list;
  return "; sections: database, worker, bitrix24, [[application]], connector, channel, security, "
         "spool";
}

}  // namespace imrelay
