#include "ingest/event_key.h"

#include <array>

#include "crypto/digest.h"

namespace imrelay {

EventKey KeyOf(const Event& event, std::string_view data) {
  const std::string when = event.ts ? std::to_string(*event.ts) : std::string();
  const std::array<std::string_view, 4> parts{event.auth.member_id.value(), event.name, data, when};
  EventKey key = Digest(parts);
  const auto seconds = static_cast<std::uint32_t>(event.ts.value_or(0));
  for (std::size_t i = 0; i < 4; ++i) key[i] = (seconds >> (24 - 8 * i)) & 0xFF;
  const std::int64_t message = event.messages.empty() ? 0 : event.messages[0].message_id.value();
  key[4] = static_cast<std::uint8_t>(message >> 8);
  key[5] = static_cast<std::uint8_t>(message);
  return key;
}

EventKey SaltedKey(const EventKey& key, std::string_view salt, std::string_view more,
                   std::string_view application) {
  const std::string_view plain(reinterpret_cast<const char*>(key.data()), key.size());
  const std::array<std::string_view, 5> parts{"unproven", plain, salt, more, application};
  return Digest(parts);
}

EventKey ContentKeyOf(const Event& event, std::string_view data) {
  const std::array<std::string_view, 4> parts{"content", event.auth.member_id.value(), event.name,
                                              data};
  return Digest(parts);
}

std::vector<EventKey> PostedKeysOf(Event event, std::string_view data) {
  std::vector<EventKey> keys;
  if (!event.ts) return keys;
  const std::int64_t written = *event.ts;
  for (std::int64_t apart = 0; apart <= kLongestLikeness; ++apart) {
    event.ts = written - apart;
    keys.push_back(KeyOf(event, data));
    if (apart == 0) continue;
    event.ts = written + apart;
    keys.push_back(KeyOf(event, data));
  }
  return keys;
}

}  // namespace imrelay
