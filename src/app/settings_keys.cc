#include "app/settings_keys.h"

#include <algorithm>
#include <array>

#include "codec/ascii.h"

namespace imrelay {
namespace {

// Every key of the configuration; those of an [[application]] and a [[line]] stand without its
// name. A [[line]] has those of [channel] too. A secret may also be given as <key>_file.
struct Key {
  std::string_view name;
  bool secret = false;
};
constexpr std::array kKeys{
    Key{"database.url"},
    Key{"database.keep_days"},
    Key{"worker.threads"},
    Key{"bitrix24.client_id"},
    Key{"bitrix24.client_secret", true},
    Key{"bitrix24.oauth_url"},
    Key{"bitrix24.public_url"},
    Key{"bitrix24.private_portals"},
    Key{"bitrix24.calls_per_second"},
    Key{"bitrix24.call_burst"},
    Key{"application.client_id"},
    Key{"application.client_secret", true},
    Key{"connector.id"},
    Key{"connector.name"},
    Key{"connector.icon"},
    Key{"channel.type"},
    Key{"channel.url"},
    Key{"channel.secret", true},
    Key{"channel.secret_previous", true},
    Key{"channel.key", true},
    Key{"channel.token", true},
    Key{"channel.max_delete_age"},
    Key{"channel.delete_fallback"},
    Key{"channel.delete_incoming"},
    Key{"channel.tell_operator"},
    Key{"line.portal"},
    Key{"line.connector"},
    Key{"line.line"},
    Key{"security.key_file"},
    Key{"security.allow_insecure_loopback"},
    Key{"spool.directory"},
};

constexpr std::string_view kChannel = "channel.";

const Key* FindKey(std::string_view name) {
  for (const Key& key : kKeys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

const Key* FindInTable(std::string_view tables, std::string_view key) {
  const Key* found = FindKey(std::string(tables).append(key));
  if (found == nullptr && tables == kLine) found = FindKey(std::string(kChannel).append(key));
  return found;
}

// The key of this name, whichever table it stands in.
const Key* Find(std::string_view name) {
  for (const std::string_view tables : {kApplication, kLine}) {
    if (!name.starts_with(tables)) continue;
    const std::size_t end = name.find('.', tables.size());
    return end == name.npos ? nullptr : FindInTable(tables, name.substr(end + 1));
  }
  return FindKey(name);
}

std::string KeysIn(std::string_view section) {
  std::string list;
  for (const Key& key : kKeys) {
    if (!key.name.starts_with(section)) continue;
    if (!list.empty()) list += ", ";
    list += key.name;
  }
  return list;
}

// The same without the section, each with its other form.
std::string KeysOfTable(std::string_view section) {
  std::string list;
  for (const Key& key : kKeys) {
    if (!key.name.starts_with(section)) continue;
    const std::string name(key.name.substr(section.size()));
    list += ", " + name;
    if (key.secret) list += ", " + name + std::string(kFileSuffix);
  }
  return list;
}

}  // namespace

bool IsSecret(std::string_view name) {
  const Key* const key = Find(name);
  return key != nullptr && key->secret;
}

bool IsKnown(std::string_view name) {
  if (Find(name) != nullptr) return true;
  if (!name.ends_with(kFileSuffix)) return false;
  name.remove_suffix(kFileSuffix.size());
  return IsSecret(name);
}

std::string KeyAtEndOf(std::string_view tables, std::string_view variable) {
  const std::string lower = LowerAscii(variable);
  // From the longest on.
  for (std::size_t end = lower.find('_'); end != lower.npos; end = lower.find('_', end + 1)) {
    std::string key = lower.substr(end + 1);
    if (IsKnown(std::string(tables) + "NAME." + key)) return key;
  }
  return {};
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
    return "; keys of an [[application]]: name" + KeysOfTable(kApplication);
  }
  if (section == "line" || section.starts_with(kLine)) {
    return "; keys of a [[line]]: name" + KeysOfTable(kLine) + KeysOfTable(kChannel);
  }
  const std::string list = KeysIn(std::string(section) + '.');
  if (!list.empty()) return "; keys of this section: " + list;
  return "; sections: database, worker, bitrix24, [[application]], connector, channel, [[line]], "
         "security, spool";
}

}  // namespace imrelay
