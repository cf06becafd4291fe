#include "web/telegram_message.h"

#include <charconv>
#include <cstdint>
#include <utility>

#include "codec/json.h"

namespace imrelay {
namespace {

std::string TextIn(const Tree& tree, std::string_view key) {
  const std::string* const text = tree.FindText(key);
  return text == nullptr ? std::string() : *text;
}

std::string TextIn(const Tree& tree, std::string_view outer, std::string_view key) {
  const Tree* const inner = tree.Find(outer);
  return inner == nullptr ? std::string() : TextIn(*inner, key);
}

std::optional<std::int64_t> NumberIn(const Tree& tree, std::string_view key) {
  const std::string text = TextIn(tree, key);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

// Within a note's brackets: on one line, without brackets of its own.
std::string Inside(std::string text) {
  constexpr std::size_t kLongest = 200;
  for (char& c : text) {
    if (c == '[') c = '(';
    if (c == ']') c = ')';
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string Note(std::string_view what, std::string about) {
  std::string note = "[" + std::string(what);
  if (!about.empty()) note += ": " + Inside(std::move(about));
  return note + "]";
}

std::string Coordinates(const Tree& location) {
  return TextIn(location, "latitude") + ", " + TextIn(location, "longitude");
}

std::string Joined(std::string first, std::string_view between, const std::string& second) {
  if (first.empty() || second.empty()) return first + second;
  return first.append(between) + second;
}

// What is told of each kind of content: the field that holds it, its word, and of what in it.
struct Content {
  std::string_view field;
  std::string_view word;
  std::string_view about;  // "": nothing
};
constexpr Content kContents[] = {
    // An animation is a document too, and a venue a location: the first that is there counts.
    {"animation", "animation", ""},
    {"photo", "photo", ""},
    {"document", "file", "file_name"},
    {"video", "video", ""},
    {"video_note", "video message", ""},
    {"voice", "voice message", ""},
    {"audio", "audio", "title"},
    {"sticker", "sticker", "emoji"},
    {"poll", "poll", "question"},
    {"dice", "dice", "value"},
    {"story", "story", ""},
    {"paid_media", "paid media", ""},
};

std::string NoteOf(const Tree& message) {
  for (const Content& content : kContents) {
    if (message.Find(content.field) == nullptr) continue;
    return Note(content.word, content.about.empty()
                                  ? std::string()
                                  : TextIn(message, content.field, content.about));
  }
  if (const Tree* const contact = message.Find("contact")) {
    const std::string name =
        Joined(TextIn(*contact, "first_name"), " ", TextIn(*contact, "last_name"));
    return Note("contact", Joined(name, ", ", TextIn(*contact, "phone_number")));
  }
  if (const Tree* const venue = message.Find("venue")) {
    const std::string name = Joined(TextIn(*venue, "title"), ", ", TextIn(*venue, "address"));
    const Tree* const location = venue->Find("location");
    return Note("place", Joined(name, ", ", location == nullptr ? "" : Coordinates(*location)));
  }
  const Tree* const location = message.Find("location");
  return location == nullptr ? std::string() : Note("location", Coordinates(*location));
}

void WriteUser(const Tree& user, std::int64_t id, JsonWriter& json) {
  json.Key("user").BeginObject().Key("id").String(std::to_string(id));
  // A chat stands in for a user that Telegram does not name.
  const std::string name = Joined(TextIn(user, "first_name"), "", TextIn(user, "title"));
  if (!name.empty()) json.Key("name").String(name);
  const std::string last_name = TextIn(user, "last_name");
  if (!last_name.empty()) json.Key("last_name").String(last_name);
  const std::string username = TextIn(user, "username");
  if (!username.empty()) json.Key("url").String("https://t.me/" + username);
  json.EndObject();
}

}  // namespace

std::optional<TelegramMessage> ReadTelegramMessage(const Tree& message) {
  const Tree* const chat = message.Find("chat");
  const Tree* user = message.Find("from");
  if (user == nullptr) user = chat;
  if (chat == nullptr) return std::nullopt;
  const std::optional<std::int64_t> chat_id = NumberIn(*chat, "id");
  const std::optional<std::int64_t> user_id = NumberIn(*user, "id");
  const std::optional<std::int64_t> message_id = NumberIn(message, "message_id");
  const std::string text = TelegramMessageText(message);
  if (!chat_id || !user_id || !message_id || text.empty()) return std::nullopt;

  JsonWriter json;
  json.BeginObject();
  WriteUser(*user, *user_id, json);
  json.Key("message").BeginObject().Key("id").String(std::to_string(*message_id));
  if (const auto date = NumberIn(message, "date")) json.Key("date").Integer(*date);
  json.Key("text").String(text).EndObject();
  json.Key("chat").BeginObject().Key("id").String(std::to_string(*chat_id));
  const std::string title = TextIn(*chat, "title");
  if (!title.empty()) json.Key("name").String(title);
  json.EndObject().EndObject();
  return TelegramMessage{std::to_string(*chat_id), std::to_string(*message_id), json.Take()};
}

std::string TelegramMessageText(const Tree& message) {
  const std::string text = Joined(TextIn(message, "text"), "", TextIn(message, "caption"));
  return Joined(NoteOf(message), "\n", text);
}

}  // namespace imrelay
