#include "web/channel_input.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <utility>

#include "base/utf8.h"
#include "codec/ascii.h"
#include "codec/form.h"
#include "codec/json.h"
#include "domain/delivery.h"
#include "domain/external_id.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestId = 100;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestUrl = 2000;
constexpr std::size_t kLongestText = 64 << 10;
constexpr std::size_t kMostFiles = 20;
constexpr std::size_t kMostIds = 20;
constexpr std::int64_t kLatestDate = std::numeric_limits<std::int32_t>::max();

tl::unexpected<Error> Wrong(std::string_view field, std::string_view right) {
  return Fail(ErrorCode::kInvalidArgument,
              "the field " + std::string(field) + " must be " + std::string(right),
              "invalid_field");
}

bool IsControl(char c) { return (c >= 0 && c < ' ') || c == 0x7F; }

bool IsLine(std::string_view text) {
  return std::none_of(text.begin(), text.end(), IsControl) && IsValidUtf8(text);
}

// Of a name, an address, a number: one line.
std::string FaultOfName(std::string_view text) {
  if (text.size() <= kLongestName && IsLine(text)) return {};
  return "at most 255 bytes without control characters";
}

std::string FaultOfUrl(std::string_view text) {
  const bool is_web = text.starts_with("https://") || text.starts_with("http://");
  if (is_web && text.size() <= kLongestUrl && IsLine(text) && text.find(' ') == text.npos) {
    return {};
  }
  return "an http:// or https:// address of at most 2000 bytes";
}

std::string FaultOfText(std::string_view text) {
  if (text.size() <= kLongestText && text.find('\0') == text.npos && IsValidUtf8(text)) return {};
  return "at most 65536 bytes of UTF-8";
}

std::string FaultOfChat(std::string_view id) { return FaultOfId(IdOf::kChat, id); }
std::string FaultOfMessage(std::string_view id) { return FaultOfId(IdOf::kMessage, id); }

using Fault = std::string (*)(std::string_view);

// One field of an object that may be there.
struct Field {
  const char* name;
  Fault fault;
};

// Reads an object's texts and writes those that are there.
class ObjectReader {
 public:
  // `path` is the object's name, for errors.
  ObjectReader(const Tree* object, std::string path) : object_(object), path_(std::move(path)) {}

  // The text of a field; empty when there is none, for an empty one counts as none. Errors: it is
  // no text, or wrong.
  Result<std::string> Text(const Field& field) const {
    const Tree* const value = object_ == nullptr ? nullptr : object_->Find(field.name);
    if (value == nullptr) return std::string();
    if (!value->is_text()) return Wrong(Path(field.name), "a text");
    if (value->text().empty()) return std::string();
    if (const std::string fault = field.fault(value->text()); !fault.empty()) {
      return Wrong(Path(field.name), fault);
    }
    return value->text();
  }
  Result<std::string> Needed(const Field& field) const {
    Result<std::string> text = Text(field);
    if (text && text->empty()) return Wrong(Path(field.name), "given");
    return text;
  }
  Status Copy(std::initializer_list<Field> fields, JsonWriter& json) const {
    for (const Field& field : fields) {
      Result<std::string> text = Text(field);
      if (!text) return Fail(std::move(text).error());
      if (!text->empty()) json.Key(field.name).String(*text);
    }
    return {};
  }

 private:
  std::string Path(const char* name) const { return path_ + '.' + name; }

  const Tree* object_;
  const std::string path_;
};

// An object of the body, null when there is none. Errors: it is a text or a list.
Result<const Tree*> FindObject(const Tree& body, const std::string& path) {
  const std::size_t dot = path.rfind('.');
  const Tree* const object = body.Find(path.substr(dot == path.npos ? 0 : dot + 1));
  if (object == nullptr) return object;
  if (object->is_text() || object->is_list()) return Wrong(path, "an object");
  return object;
}

Status WriteFile(const Tree& file, const std::string& path, JsonWriter& json) {
  if (file.is_text() || file.is_list()) return Wrong(path, "an object");
  const ObjectReader reader(&file, path);
  Result<std::string> url = reader.Needed({"url", FaultOfUrl});
  if (!url) return Fail(std::move(url).error());
  json.BeginObject().Key("url").String(*url);
  if (Status copied = reader.Copy({{"name", FaultOfName}}, json); !copied) return copied;
  json.EndObject();
  return {};
}

// Writes `files` when there are any, and tells whether.
Result<bool> WriteFiles(const Tree* message, JsonWriter& json) {
  const Tree* const files = message == nullptr ? nullptr : message->Find("files");
  if (files == nullptr) return false;
  if (files->is_text() || !files->is_list() || files->items().size() > kMostFiles) {
    return Wrong("message.files", "a list of at most 20 objects");
  }
  json.Key("files").BeginArray();
  int number = 0;
  for (const auto& [key, file] : files->items()) {
    const std::string path = "message.files[" + std::to_string(number++) + ']';
    if (Status written = WriteFile(file, path, json); !written) {
      return Fail(std::move(written).error());
    }
  }
  json.EndArray();
  return true;
}

// Without a user, the chat's id stands for it: Bitrix24 wants one.
Status WriteUser(std::string_view kind, const Tree& body, const std::string& chat,
                 JsonWriter& json) {
  Result<const Tree*> user = FindObject(body, "user");
  if (!user) return Fail(std::move(user).error());
  const ObjectReader reader(*user, "user");
  const Field id{"id", FaultOfMessage};
  const bool created = kind == kind::kIncomingCreated;
  Result<std::string> user_id = created ? reader.Needed(id) : reader.Text(id);
  if (!user_id) return Fail(std::move(user_id).error());
  json.Key("user").BeginObject().Key("id").String(user_id->empty() ? chat : *user_id);
  if (created) {
    const Status copied = reader.Copy({{"name", FaultOfName},
                                       {"last_name", FaultOfName},
                                       {"url", FaultOfUrl},
                                       {"email", FaultOfName},
                                       {"phone", FaultOfName}},
                                      json);
    if (!copied) return copied;
    Result<const Tree*> picture =
        *user == nullptr ? Result<const Tree*>(nullptr) : FindObject(**user, "user.picture");
    if (!picture) return Fail(std::move(picture).error());
    Result<std::string> url = ObjectReader(*picture, "user.picture").Text({"url", FaultOfUrl});
    if (!url) return Fail(std::move(url).error());
    if (!url->empty()) json.Key("picture").BeginObject().Key("url").String(*url).EndObject();
  }
  json.EndObject();
  return {};
}

Status WriteDate(const Tree* message, TimePoint now, JsonWriter& json) {
  const Tree* const given = message->Find("date");
  std::optional<std::int64_t> date = UnixSeconds(now);
  if (given != nullptr) date = given->is_text() ? ParseNumber(given->text()) : std::nullopt;
  if (!date || *date > kLatestDate) return Wrong("message.date", "a Unix time in seconds");
  json.Key("date").Integer(*date);
  return {};
}

// What the message says; `id` is its own.
Status WriteMessage(std::string_view kind, const Tree* message, const std::string& id,
                    TimePoint now, JsonWriter& json) {
  json.Key("message").BeginObject().Key("id").String(id);
  if (kind != kind::kIncomingDeleted) {
    const ObjectReader reader(message, "message");
    const Field text{"text", FaultOfText};
    const bool created = kind == kind::kIncomingCreated;
    if (created) {
      if (Status written = WriteDate(message, now, json); !written) return written;
    }
    Result<std::string> said = created ? reader.Text(text) : reader.Needed(text);
    if (!said) return Fail(std::move(said).error());
    if (!said->empty()) json.Key("text").String(*said);
    if (created) {
      Result<bool> files = WriteFiles(message, json);
      if (!files) return Fail(std::move(files).error());
      if (said->empty() && !*files) return Wrong("message", "one with a text or files");
    }
  }
  json.EndObject();
  return {};
}

Status WriteChat(std::string_view kind, const ObjectReader& chat, const std::string& id,
                 JsonWriter& json) {
  json.Key("chat").BeginObject().Key("id").String(id);
  if (kind == kind::kIncomingCreated) {
    const Status copied = chat.Copy({{"name", FaultOfName}, {"url", FaultOfUrl}}, json);
    if (!copied) return copied;
  }
  json.EndObject();
  return {};
}

}  // namespace

std::string FaultOfId(IdOf what, std::string_view id) {
  const bool well =
      FaultOfExternalId(id) == nullptr && (what == IdOf::kMessage || id.find('|') == id.npos);
  if (well) return {};
  return what == IdOf::kChat
             ? "1 to 100 bytes, not \"0\", without |, control characters and blanks at its ends"
             : "1 to 100 bytes, not \"0\", without control characters and blanks at its ends";
}

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

Result<NamedPlace> ReadPlace(const Tree& body) {
  NamedPlace place;
  for (const char* name : {"portal", "connector", "line"}) {
    const Tree* const value = body.Find(name);
    if (value == nullptr) continue;
    const std::string_view text = value->text();
    if (!value->is_text() || text.empty() || text.size() > kLongestId || !IsLine(text)) {
      return Wrong(name, "a text of at most 100 bytes");
    }
    if (name == std::string_view("portal")) place.portal = MemberId(LowerAscii(text));
    if (name == std::string_view("connector")) place.connector = ConnectorId(LowerAscii(text));
    if (name != std::string_view("line")) continue;
    const std::optional<std::int64_t> number = ParseNumber(text);
    if (!number) return Wrong(name, "the number of an open line");
    place.line = LineId(*number);
  }
  return place;
}

Result<ChannelMessage> ReadMessage(std::string_view kind, const Tree& body, TimePoint now) {
  Result<const Tree*> chat = FindObject(body, "chat");
  if (!chat) return Fail(std::move(chat).error());
  Result<const Tree*> message = FindObject(body, "message");
  if (!message) return Fail(std::move(message).error());
  const ObjectReader of_chat(*chat, "chat");
  Result<std::string> chat_id = of_chat.Needed({"id", FaultOfChat});
  if (!chat_id) return Fail(std::move(chat_id).error());
  Result<std::string> id = ObjectReader(*message, "message").Needed({"id", FaultOfMessage});
  if (!id) return Fail(std::move(id).error());

  JsonWriter json;
  json.BeginObject();
  if (Status user = WriteUser(kind, body, *chat_id, json); !user) {
    return Fail(std::move(user).error());
  }
  if (Status said = WriteMessage(kind, *message, *id, now, json); !said) {
    return Fail(std::move(said).error());
  }
  if (Status written = WriteChat(kind, of_chat, *chat_id, json); !written) {
    return Fail(std::move(written).error());
  }
  json.EndObject();
  return ChannelMessage{ExternalChatId(*chat_id), ExternalMessageId(*id), json.Take()};
}

Result<MessageIds> ReadMessageIds(const Tree& body) {
  Result<const Tree*> im = FindObject(body, "im");
  if (!im) return Fail(std::move(im).error());
  Result<const Tree*> message = FindObject(body, "message");
  if (!message) return Fail(std::move(message).error());
  const std::string* const number = *im == nullptr ? nullptr : (*im)->FindText("message_id");
  const std::optional<std::int64_t> message_id =
      number == nullptr ? std::nullopt : ParseNumber(*number);
  if (!message_id) return Wrong("im.message_id", "the number of a message in Bitrix24");
  const Tree* const ids = *message == nullptr ? nullptr : (*message)->Find("ids");
  if (ids == nullptr || ids->is_text() || !ids->is_list() || ids->items().size() > kMostIds) {
    return Wrong("message.ids", "a list of 1 to 20 ids");
  }
  MessageIds read;
  read.message = MessageId(*message_id);
  for (const auto& [key, value] : ids->items()) {
    if (!value.is_text()) return Wrong("message.ids", "a list of texts");
    if (const std::string fault = FaultOfMessage(value.text()); !fault.empty()) {
      return Wrong("message.ids", "ids of " + fault);
    }
    const ExternalMessageId id(value.text());
    if (std::find(read.ids.begin(), read.ids.end(), id) == read.ids.end()) read.ids.push_back(id);
  }
  return read;
}

Result<ReportQuery> ReadMessagesQuery(const std::string& query) {
  Result<Tree> form = ParseForm(query);
  if (!form) return Fail(std::move(form).error());
  const auto value_of = [&](const char* name) -> std::optional<std::string> {
    const std::string* const text = form->FindText(name);
    return text == nullptr || text->empty() ? std::nullopt : std::optional(*text);
  };
  ReportQuery wanted;
  wanted.what = ReportQuery::What::kMessages;
  wanted.external_message_id = value_of("external_message_id");
  wanted.external_chat_id = value_of("external_chat_id");
  if (const auto portal = value_of("portal")) wanted.member_id = LowerAscii(*portal);
  if (const auto number = value_of("message_id")) {
    wanted.message_id = ParseNumber(*number);
    if (!wanted.message_id) return Wrong("message_id", "the number of a message in Bitrix24");
  }
  if (wanted.external_message_id || wanted.external_chat_id || wanted.message_id) return wanted;
  return Fail(ErrorCode::kInvalidArgument,
              "the query must name external_message_id, external_chat_id or message_id",
              "invalid_field");
}

}  // namespace imrelay
