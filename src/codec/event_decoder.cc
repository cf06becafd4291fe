#include "codec/event_decoder.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "codec/ascii.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestName = 100;
constexpr std::size_t kLongestId = 255;

// What an id turned out to be. An unusable one is not the same as none: without the id an element
// is left out, with a wrong one the whole event is.
enum class Found { kNothing, kUsable, kUnusable };

const Tree& At(const Tree& tree, std::string_view key) {
  static const Tree kNone;
  const Tree* found = tree.FindAnyCase(key);
  return found != nullptr ? *found : kNone;
}

bool IsUsableId(std::string_view id) {
  return id.size() <= kLongestId && IsValidUtf8(id) &&
         std::none_of(id.begin(), id.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && !text.starts_with('-') ? std::optional(number) : std::nullopt;
}

std::optional<std::int64_t> FindNumber(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindTextAnyCase(key);
  return text != nullptr ? ParseNumber(*text) : std::nullopt;
}

// A number that identifies something; 0 identifies nothing.
Found FindId(const Tree& tree, std::string_view key, std::int64_t& id) {
  const Tree* found = tree.FindAnyCase(key);
  if (found == nullptr || (found->is_text() && found->text().empty())) return Found::kNothing;
  const std::optional<std::int64_t> number = ParseNumber(found->text());
  if (!number) return Found::kUnusable;
  id = *number;
  return id > 0 ? Found::kUsable : Found::kNothing;
}

Found FindId(const Tree& tree, std::string_view key, std::string& id) {
  const Tree* found = tree.FindAnyCase(key);
  if (found == nullptr || (found->is_text() && found->text().empty())) return Found::kNothing;
  if (!found->is_text() || !IsUsableId(found->text())) return Found::kUnusable;
  id = found->text();
  return Found::kUsable;
}

std::string FindShown(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindTextAnyCase(key);
  return text != nullptr ? ReplaceInvalidUtf8(*text) : std::string();
}

Secret FindSecret(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindTextAnyCase(key);
  return text != nullptr ? Secret(*text) : Secret();
}

// "imconnector, imopenlines" in events, commas or blanks elsewhere.
std::string JoinScope(const std::string& scope) {
  constexpr std::string_view kSeparators = ", \t\r\n\v\f";
  std::string joined;
  for (std::size_t end = 0; end < scope.size();) {
    const std::size_t begin = scope.find_first_not_of(kSeparators, end);
    if (begin == std::string::npos) break;
    end = std::min(scope.find_first_of(kSeparators, begin), scope.size());
    if (!joined.empty()) joined.push_back(',');
    joined.append(scope, begin, end - begin);
  }
  return joined;
}

Auth DecodeAuth(const Tree& tree) {
  Auth auth;
  std::string member_id;
  if (FindId(tree, "member_id", member_id) == Found::kUsable) auth.member_id = MemberId(member_id);
  auth.application_token = FindSecret(tree, "application_token");
  auth.access_token = FindSecret(tree, "access_token");
  auth.refresh_token = FindSecret(tree, "refresh_token");
  auth.domain = FindShown(tree, "domain");
  auth.client_endpoint = FindShown(tree, "client_endpoint");
  auth.server_endpoint = FindShown(tree, "server_endpoint");
  auth.scope = JoinScope(FindShown(tree, "scope"));
  auth.expires = FindNumber(tree, "expires");
  auth.user_id = FindNumber(tree, "user_id");
  return auth;
}

std::vector<File> DecodeFiles(const Tree& tree) {
  std::vector<File> files;
  for (const auto& [key, item] : tree.items()) {
    if (item.is_text()) continue;
    files.push_back(File{FindShown(item, "name"), FindShown(item, "type"), FindShown(item, "mime"),
                         FindShown(item, "link"), FindShown(item, "downloadLink"),
                         FindNumber(item, "size")});
  }
  return files;
}

// PHP's trim(), which Bitrix24 stores message ids through. Source: im/classes/general/
// im_message_param.php.
std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Delete sends one id as a text, Update all of them as a list. False when one is unusable.
bool DecodeExternalIds(const Tree& tree, std::vector<ExternalMessageId>& ids) {
  std::set<std::string_view> known;
  const auto add = [&](const Tree& item) {
    const std::string_view id = Trim(item.text());
    if (!item.is_text() || !IsUsableId(id)) return false;
    if (!id.empty() && id != "0" && known.insert(id).second) ids.emplace_back(std::string(id));
    return true;
  };
  if (tree.is_text()) return add(tree);
  return std::all_of(tree.items().begin(), tree.items().end(),
                     [&](const Tree::Item& item) { return add(item.second); });
}

Found DecodeMessage(const Tree& tree, EventMessage& message) {
  const Tree& im = At(tree, "im");
  const Tree& content = At(tree, "message");
  std::int64_t chat_id = 0;
  std::int64_t message_id = 0;
  std::string external_chat_id;
  const Found found[] = {FindId(im, "chat_id", chat_id), FindId(im, "message_id", message_id),
                         FindId(At(tree, "chat"), "id", external_chat_id)};
  if (!DecodeExternalIds(At(content, "id"), message.external_ids) ||
      std::count(std::begin(found), std::end(found), Found::kUnusable) > 0) {
    return Found::kUnusable;
  }
  if (std::count(std::begin(found), std::end(found), Found::kNothing) > 0) return Found::kNothing;
  message.chat_id = ChatId(chat_id);
  message.message_id = MessageId(message_id);
  message.external_chat_id = ExternalChatId(external_chat_id);
  message.user_id = FindNumber(content, "user_id");
  message.text = FindShown(content, "text");
  message.files = DecodeFiles(At(content, "files"));
  return Found::kUsable;
}

Found DecodeDialog(const Tree& tree, EventDialog& dialog) {
  const Tree& connector = At(tree, "connector");
  const Tree& session = At(tree, "session");
  std::string external_chat_id;
  Found chat = FindId(At(tree, "chat"), "id", external_chat_id);
  if (chat == Found::kNothing) chat = FindId(connector, "chat_id", external_chat_id);
  if (FindId(session, "id", dialog.session_id) == Found::kUnusable) return Found::kUnusable;
  dialog.external_chat_id = ExternalChatId(external_chat_id);
  const std::optional<std::int64_t> user = FindNumber(At(tree, "user"), "id");
  dialog.user_id = user ? *user : FindNumber(connector, "user_id").value_or(0);
  const std::string closed = FindShown(session, "closed");
  dialog.closed = EqualsAnyCase(closed, "Y") || closed == "1";
  return chat;
}

// Decodes every element of the list under `key`, or else under `other_key`. Returns why none of it
// can be used; empty when some can.
template <class Element>
std::string DecodeElements(const Tree& data, std::string_view key, std::string_view other_key,
                           Found (*decode)(const Tree&, Element&), std::string_view none,
                           std::vector<Element>& elements, int& skipped) {
  const Tree& preferred = At(data, key);
  const Tree& list = preferred.items().empty() ? At(data, other_key) : preferred;
  for (const auto& [index, item] : list.items()) {
    Element element;
    const Found found = decode(item, element);
    if (found == Found::kUnusable) {
      elements.clear();
      return "invalid_id";
    }
    if (found == Found::kUsable) {
      elements.push_back(std::move(element));
    } else {
      ++skipped;
    }
  }
  return elements.empty() ? std::string(none) : std::string();
}

std::string DecodeLine(const Tree* line, Event& event) {
  const std::optional<std::int64_t> number =
      line != nullptr ? ParseNumber(line->text()) : std::nullopt;
  if (!number || *number == 0) return "no_line";
  event.line = LineId(*number);
  return {};
}

std::string DecodeConnectorAndLine(const Tree& data, Event& event) {
  std::string connector;
  const Found found = FindId(data, "CONNECTOR", connector);
  if (found == Found::kUnusable) return "invalid_id";
  if (found == Found::kNothing) return "no_connector";
  event.connector = ConnectorId(LowerAscii(connector));
  return DecodeLine(data.FindAnyCase("LINE"), event);
}

bool IsYes(std::string_view text) {
  return text == "1" || EqualsAnyCase(text, "true") || EqualsAnyCase(text, "Y");
}

// Decodes `data`. Returns why nothing of it can be used; empty when it can.
std::string DecodeData(const Tree& data, Event& event) {
  switch (event.kind) {
    case EventKind::kMessageAdd:
    case EventKind::kMessageUpdate:
    case EventKind::kMessageDelete: {
      std::string unusable = DecodeConnectorAndLine(data, event);
      if (!unusable.empty()) return unusable;
      return DecodeElements(data, "MESSAGES", "DATA", DecodeMessage, "no_messages", event.messages,
                            event.skipped);
    }
    case EventKind::kDialogStart:
    case EventKind::kDialogFinish: {
      std::string unusable = DecodeConnectorAndLine(data, event);
      if (!unusable.empty()) return unusable;
      return DecodeElements(data, "DATA", "MESSAGES", DecodeDialog, "no_dialogs", event.dialogs,
                            event.skipped);
    }
    case EventKind::kStatusDelete:
      return DecodeConnectorAndLine(data, event);
    case EventKind::kLineDelete:
      return DecodeLine(data.is_text() ? &data : data.FindAnyCase("LINE"), event);
    case EventKind::kAppUninstall:
      event.clean = IsYes(FindShown(data, "CLEAN"));
      return {};
    case EventKind::kAppInstall:
    case EventKind::kAppUpdate:
    case EventKind::kAppTest:
    case EventKind::kOfflineEvent:
      return {};
    case EventKind::kOther:
      return "unknown_event";
  }
  return "unknown_event";
}

bool IsEventName(std::string_view name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:.";
  return !name.empty() && name.size() <= kLongestName &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

void AppendCanonical(const Tree& tree, std::string& text) {
  const auto append = [&](char mark, std::string_view bytes) {
    text.append(1, mark).append(std::to_string(bytes.size())).append(1, ':').append(bytes);
  };
  if (tree.is_text()) {
    append('t', tree.text());
    return;
  }
  std::vector<const Tree::Item*> sorted(tree.items().size());
  std::transform(tree.items().begin(), tree.items().end(), sorted.begin(),
                 [](const Tree::Item& item) { return &item; });
  std::sort(sorted.begin(), sorted.end(),
            [](const Tree::Item* a, const Tree::Item* b) { return a->first < b->first; });
  text.push_back('{');
  for (const Tree::Item* item : sorted) {
    append('k', item->first);
    AppendCanonical(item->second, text);
  }
  text.push_back('}');
}

}  // namespace

Result<Event> DecodeEvent(const Tree& tree) {
  Event event;
  if (const std::string* name = tree.FindTextAnyCase("event")) event.name = UpperAscii(*name);
  if (!IsEventName(event.name)) {
    return Fail(ErrorCode::kInvalidArgument, "the body names no event", "no_event");
  }
  event.kind = KindOf(event.name);
  event.ts = FindNumber(tree, "ts");
  event.auth = DecodeAuth(At(tree, "auth"));
  event.unusable = DecodeData(At(tree, "data"), event);
  return event;
}

std::string CanonicalData(const Tree& tree) {
  std::string text;
  AppendCanonical(At(tree, "data"), text);
  return text;
}

}  // namespace imrelay
