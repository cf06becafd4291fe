#include <algorithm>
#include <set>
#include <string>

#include "base/utf8.h"
#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"
#include "codec/page_opening.h"
#include "tests/fuzz/body_checks.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/tree_checks.h"

namespace imrelay {
namespace {

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= 255 && IsValidUtf8(id) &&
         std::none_of(id.begin(), id.end(),
                      [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

void CheckMessage(const EventMessage& message) {
  Check(message.chat_id.value() > 0 && message.message_id.value() > 0, "a message has its ids");
  Check(IsId(message.external_chat_id.value()), "an external chat id is one");
  std::set<ExternalMessageId> ids;
  for (const ExternalMessageId& id : message.external_ids) {
    Check(IsId(id.value()) && id.value() != "0", "an external message id is one");
    Check(ids.insert(id).second, "an external message id stands once");
  }
  Check(message.user_id.value_or(0) >= 0, "no number is negative");
  std::string texts = message.text;
  for (const File& file : message.files) {
    texts += file.name + file.type + file.mime + file.link + file.download_link;
    Check(file.size.value_or(0) >= 0, "no number is negative");
  }
  Check(IsValidUtf8(texts), "texts are valid UTF-8");
}

void CheckAuth(const Auth& auth) {
  Check(auth.member_id.value().empty() || IsId(auth.member_id.value()), "a member_id is an id");
  Check(IsValidUtf8(auth.domain + auth.client_endpoint + auth.server_endpoint + auth.scope),
        "what a sender claims is valid UTF-8");
  Check(auth.expires.value_or(0) >= 0 && auth.user_id.value_or(0) >= 0, "no number is negative");
}

void CheckEvent(const Event& event) {
  static constexpr std::string_view kName = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:.";
  Check(event.name.find_first_not_of(kName) == std::string::npos, "a name has plain letters");
  Check(!event.name.empty() && event.name.size() <= 100, "a name is as long as a name");
  Check(event.kind == KindOf(event.name), "the name tells the kind");
  Check(event.ts.value_or(0) >= 0 && event.line.value() >= 0, "no number is negative");
  Check(event.connector.value().empty() || IsId(event.connector.value()), "a connector is an id");
  Check(event.unusable.empty() || (event.messages.empty() && event.dialogs.empty()),
        "an event that cannot be used has nothing to use");
  const bool has_messages = event.kind == EventKind::kMessageAdd ||
                            event.kind == EventKind::kMessageUpdate ||
                            event.kind == EventKind::kMessageDelete;
  const bool has_dialogs =
      event.kind == EventKind::kDialogStart || event.kind == EventKind::kDialogFinish;
  Check(event.messages.empty() || has_messages, "only events of messages have messages");
  Check(event.dialogs.empty() || has_dialogs, "only events of dialogs have dialogs");
  if (event.unusable.empty() && (has_messages || has_dialogs)) {
    Check(!event.connector.value().empty() && event.line.value() > 0, "it belongs to a line");
    Check(!event.messages.empty() || !event.dialogs.empty(), "a usable event has something");
  }
  for (const EventMessage& message : event.messages) CheckMessage(message);
  for (const EventDialog& dialog : event.dialogs) {
    Check(IsId(dialog.external_chat_id.value()), "an external chat id is one");
    Check(dialog.session_id >= 0 && dialog.user_id >= 0, "no number is negative");
  }
  CheckAuth(event.auth);
}

void CheckShown(const Event& event) {
  const std::string json = EventToJson(event);
  Check(IsValidUtf8(json), "an event is shown as valid UTF-8");
  const Result<Tree> shown = ParseJson(json);
  if (!shown) {
    Check(shown.error().reason == "too_many_keys", "an event is shown as JSON");
    return;
  }
  const Tree* auth = shown->Find("auth");
  if (auth == nullptr) return;
  for (const char* name : {"application_token", "access_token", "refresh_token"}) {
    const std::string* token = auth->FindText(name);
    Check(token == nullptr || *token == "present", "no token is shown");
  }
}

// The event of the same data spelled as JSON.
void CheckSpelledAsJson(const Tree& tree, const Event& event) {
  if (tree.is_list() || !IsUtf8(tree) || HasEmptyMap(tree)) return;
  const Result<Tree> json = ParseJson(ToJson(tree));
  Check(json.has_value(), "a body can be spelled as JSON");
  Check(CanonicalData(*json) == CanonicalData(tree), "the data is the same in each spelling");
  const Result<Event> again = DecodeEvent(*json);
  Check(again && EventToJson(*again) == EventToJson(event), "so is the event");
}

// One word of printable ASCII.
bool IsPlain(std::string_view text, std::size_t most) {
  return text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// What a browser posts to a page comes in the same bodies.
void CheckOpening(std::string_view query, const Tree& body) {
  constexpr std::size_t kLongestId = 100;
  constexpr std::size_t kLongestToken = 4096;
  const PostedAction action = DecodeAction(query, body);
  Check(IsPlain(action.member_id.value(), kLongestId) && IsPlain(action.action, kLongestId) &&
            IsPlain(action.page_token, kLongestToken) && action.after >= 0,
        "what a form of a page says is plain");
  const Result<PostedOpening> opening = DecodeOpening(query, body);
  if (!opening) {
    Check(opening.error().reason == "bad_opening", "an opening is refused for that");
    return;
  }
  Check(!opening->access_token.empty() && !opening->member_id.value().empty(),
        "an opening names a portal and brings a token");
  Check(IsPlain(opening->member_id.value(), kLongestId) &&
            IsPlain(opening->connector.value(), kLongestId) && opening->line.value() >= 0 &&
            IsPlain(opening->server_endpoint, 255) && IsPlain(opening->language, 10),
        "what an opening says is plain");
  for (const Secret* token :
       {&opening->access_token, &opening->refresh_token, &opening->application_token}) {
    Check(IsPlain(token->Reveal(), kLongestToken), "a token is plain");
  }
}

void CheckBytes(std::string_view body) {
  const std::optional<Tree> tree = CheckBody(FormatOfJournalled(body), body);
  if (!tree) return;
  CheckOpening(body, *tree);
  const Result<Event> event = DecodeEvent(*tree);
  if (!event) {
    Check(event.error().code == ErrorCode::kInvalidArgument && event.error().reason == "no_event",
          "a tree without an event is refused for that");
    return;
  }
  CheckEvent(*event);
  CheckShown(*event);
  CheckSpelledAsJson(*tree, *event);
}

}  // namespace
}  // namespace imrelay

// The body is JSON when it begins with a brace, else a form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  imrelay::CheckBytes(imrelay::InputOf(data, size));
  return 0;
}
