// imconnector.*.messages and confirmations. Source: imconnector/rest.php and
// imconnector/lib/connectors/, as the protocol's documentation tells them.
#include <algorithm>

#include "tests/portal/methods.h"
#include "tests/portal/open_lines.h"
#include "tests/portal/operator.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

struct Batch {
  std::string connector;
  std::int64_t line = 0;
  const Tree* messages = nullptr;
  Reply refused;  // status 200: the batch is well formed
};

Batch BatchOf(const Tree& parameters) {
  Batch batch;
  batch.connector = ToLower(Text(parameters, "CONNECTOR"));
  batch.line = Number(parameters, "LINE", 0);
  batch.messages = parameters.FindAnyCase("MESSAGES");
  if (batch.connector.empty()) {
    batch.refused = MissingArgument("CONNECTOR");
  } else if (IsEmpty(parameters.FindAnyCase("LINE"))) {
    batch.refused = MissingArgument("LINE");
  } else if (IsEmpty(batch.messages)) {
    batch.refused = MissingArgument("MESSAGES");
  } else if (batch.messages->is_text()) {
    batch.refused = Refuse(400, "ERROR_ARGUMENT", "MESSAGES is not an array");
  }
  return batch;
}

// The same, for the methods that need a connector at work on the line.
Batch WorkingBatchOf(Caller& caller, const Tree& parameters) {
  Batch batch = BatchOf(parameters);
  if (batch.refused.status != 200) return batch;
  if (!caller.portal.connectors.contains(batch.connector)) {
    batch.refused = Refuse(400, "IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR",
                           "The connector is not specified correctly");
  } else if (!IsUsable(caller.portal, batch.connector, batch.line)) {
    batch.refused = NotActiveLine();
  }
  return batch;
}

// A text two levels down: TextAt(item, "message", "id").
std::string TextAt(const Tree& item, std::string_view part, std::string_view name) {
  const Tree* found = item.FindAnyCase(part);
  return found == nullptr ? std::string() : Text(*found, name);
}

// The ids in message.id: a list, or a single one.
std::vector<std::string> IdsOf(const Tree& item) {
  const Tree* message = item.FindAnyCase("message");
  const Tree* id = message == nullptr ? nullptr : message->FindAnyCase("id");
  std::vector<std::string> ids;
  if (id == nullptr) return ids;
  if (id->is_text()) ids.push_back(id->text());
  for (const auto& [key, one] : id->items()) ids.push_back(one.text());
  return ids;
}

// An item of the answer: SUCCESS tells of this item alone.
PhpValue ItemResult(const Tree& item, const std::string& error) {
  PhpValue result = PhpValue::Of(item);
  result.Set("SUCCESS", error.empty());
  if (!error.empty()) result.Set("ERRORS", PhpValue::List({error}));
  return result;
}

Reply Results(PhpValue list) {
  return Answer(
      PhpValue::Map({{"SUCCESS", true}, {"DATA", PhpValue::Map({{"RESULT", std::move(list)}})}}));
}

constexpr const char* kIncomplete = "IMCONNECTOR_NOT_ALL_THE_REQUIRED_DATA";

std::string Incomplete(const Tree& item, bool needs_message_id) {
  if (TextAt(item, "user", "id").empty() || TextAt(item, "chat", "id").empty()) return kIncomplete;
  return needs_message_id && IdsOf(item).empty() ? kIncomplete : std::string();
}

Message* FindByExternalId(Portal& portal, const Batch& batch, const Tree& item) {
  const Chat* chat = FindChat(portal, batch.connector, batch.line, TextAt(item, "chat", "id"));
  const std::vector<std::string> ids = KeptIds(IdsOf(item));
  if (chat == nullptr || ids.empty()) return nullptr;
  for (auto& [number, message] : portal.messages) {
    const std::vector<std::string>& kept = message.external_ids;
    if (message.chat_id == chat->id && !message.deleted &&
        std::find(kept.begin(), kept.end(), ids.front()) != kept.end()) {
      return &message;
    }
  }
  return nullptr;
}

PhpValue TakeIn(Caller& caller, const Batch& batch, const Tree& item) {
  const Tree* given = item.FindAnyCase("message");
  std::string error = Incomplete(item, false);
  const Tree* files = given == nullptr ? nullptr : given->FindAnyCase("files");
  if (TextAt(item, "message", "text").empty() && IsEmpty(files)) error = kIncomplete;
  if (!error.empty()) return ItemResult(item, error);
  const Chat& chat =
      OpenChat(caller.cloud, caller.portal, batch.connector, batch.line, TextAt(item, "chat", "id"),
               TextAt(item, "user", "id"), {caller.user_id, caller.installation.client_id});
  Message message;
  message.id = caller.portal.next_message;
  caller.portal.next_message += 2;
  message.chat_id = chat.id;
  message.from_client = true;
  message.user_id = chat.client_user_id;
  message.text = TextAt(item, "message", "text");
  message.external_ids = KeptIds(IdsOf(item));
  message.time = UnixNow();
  caller.portal.messages[message.id] = std::move(message);
  PhpValue result = ItemResult(item, {});
  result.Set("session", PhpValue::Map({{"ID", std::to_string(chat.session_id)},
                                       {"CHAT_ID", std::to_string(chat.id)}}));
  return result;
}

// "chat1807"; 0 for anything else.
std::int64_t ChatIdOf(const std::string& dialog) {
  return dialog.starts_with("chat") ? NumberOf(dialog.substr(4)).value_or(0) : 0;
}

}  // namespace

Reply SendMessages(Caller& caller, const Tree& parameters) {
  const Batch batch = WorkingBatchOf(caller, parameters);
  if (batch.refused.status != 200) return batch.refused;
  PhpValue list = PhpValue::Map();
  for (const auto& [key, item] : batch.messages->items()) {
    list.Append(TakeIn(caller, batch, item));
  }
  return Results(std::move(list));
}

// What is unknown or deleted passes without a word.
Reply UpdateMessages(Caller& caller, const Tree& parameters) {
  const Batch batch = WorkingBatchOf(caller, parameters);
  if (batch.refused.status != 200) return batch.refused;
  PhpValue list = PhpValue::Map();
  for (const auto& [key, item] : batch.messages->items()) {
    const std::string error = Incomplete(item, true);
    Message* message = error.empty() ? FindByExternalId(caller.portal, batch, item) : nullptr;
    if (message != nullptr) message->text = TextAt(item, "message", "text");
    list.Append(ItemResult(item, error));
  }
  return Results(std::move(list));
}

Reply DeleteMessages(Caller& caller, const Tree& parameters) {
  const Batch batch = WorkingBatchOf(caller, parameters);
  if (batch.refused.status != 200) return batch.refused;
  PhpValue list = PhpValue::Map();
  for (const auto& [key, item] : batch.messages->items()) {
    const std::string error = Incomplete(item, true);
    Message* message = error.empty() ? FindByExternalId(caller.portal, batch, item) : nullptr;
    if (message != nullptr) {
      message->deleted = true;
      message->external_ids.clear();
    }
    list.Append(ItemResult(item, error));
  }
  return Results(std::move(list));
}

// Neither the line nor the message is looked up before the answer.
Reply StatusDelivery(Caller& caller, const Tree& parameters) {
  const Batch batch = BatchOf(parameters);
  if (batch.refused.status != 200) return batch.refused;
  for (const auto& [key, item] : batch.messages->items()) {
    const std::int64_t id = NumberOf(TextAt(item, "im", "message_id")).value_or(0);
    const auto found = caller.portal.messages.find(id);
    if (found == caller.portal.messages.end()) {
      ++caller.portal.stray_confirmations;
      continue;
    }
    ++found->second.confirmations;
    Confirm(found->second, IdsOf(item));
  }
  std::size_t& largest = caller.portal.largest_confirmation;
  largest = std::max(largest, batch.messages->items().size());
  return Answer(PhpValue::Map({{"SUCCESS", true}, {"DATA", PhpValue::Map()}}));
}

Reply StatusReading(Caller& /*caller*/, const Tree& parameters) {
  const Batch batch = BatchOf(parameters);
  if (batch.refused.status != 200) return batch.refused;
  return Answer(PhpValue::Map({{"SUCCESS", true}, {"DATA", PhpValue::Map()}}));
}

// The newest first; those after FIRST_ID are the oldest of them.
// Source: b24restdocs, api-reference/chats/messages/im-dialog-messages-get.md.
Reply DialogMessages(Caller& caller, const Tree& parameters) {
  const std::string dialog = Text(parameters, "DIALOG_ID");
  if (dialog.empty()) return Refuse(400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty");
  const std::int64_t chat_id = ChatIdOf(dialog);
  if (!caller.portal.chats.contains(chat_id) || caller.portal.outsiders.contains(caller.user_id)) {
    return Refuse(403, "ACCESS_ERROR", "You do not have access to the specified dialog");
  }
  const std::int64_t last = Number(parameters, "LAST_ID", 0);
  const std::int64_t limit = std::min<std::int64_t>(Number(parameters, "LIMIT", 20), 50);
  const bool from_first = parameters.FindAnyCase("FIRST_ID") != nullptr;
  const std::int64_t first = Number(parameters, "FIRST_ID", 0);
  std::vector<const Message*> shown;
  for (const auto& [id, message] : caller.portal.messages) {
    if (message.chat_id != chat_id || (last != 0 && id >= last)) continue;
    if (from_first && id <= first) continue;
    shown.push_back(&message);
  }
  if (!from_first) std::reverse(shown.begin(), shown.end());
  if (static_cast<std::int64_t>(shown.size()) > limit)
    shown.resize(static_cast<std::size_t>(limit));
  if (from_first) std::reverse(shown.begin(), shown.end());
  std::vector<PhpValue> found;
  for (const Message* one : shown) {
    const Message& message = *one;
    PhpValue params = PhpValue::Map();
    if (message.deleted) params.Set("IS_DELETED", "Y");
    PhpValue ids = PhpValue::Map();
    for (const std::string& id : message.external_ids) ids.Append(id);
    if (!message.external_ids.empty()) params.Set("CONNECTOR_MID", std::move(ids));
    found.push_back(PhpValue::Map({{"id", message.id},
                                   {"chat_id", message.chat_id},
                                   {"author_id", message.user_id},
                                   {"text", message.deleted ? "" : message.text},
                                   {"params", std::move(params)}}));
  }
  PhpValue list = PhpValue::Map();
  for (PhpValue& message : found) list.Append(std::move(message));
  return Answer(PhpValue::Map({{"chat_id", chat_id}, {"messages", std::move(list)}}));
}

// A system message stays inside; any other is one of the caller's to the client.
// Source: b24restdocs, api-reference/chats/messages/im-message-add.md.
Reply MessageAdd(Caller& caller, const Tree& parameters) {
  const std::string text = Text(parameters, "MESSAGE");
  if (text.empty()) return Refuse(400, "MESSAGE_EMPTY", "Message can't be empty");
  const auto chat = caller.portal.chats.find(ChatIdOf(Text(parameters, "DIALOG_ID")));
  if (chat == caller.portal.chats.end()) {
    return Refuse(400, "ACCESS_ERROR", "You do not have access to the specified dialog");
  }
  if (Text(parameters, "SYSTEM") != "Y") {
    NewMessage message;
    message.connector = chat->second.connector;
    message.line = chat->second.line;
    message.chat = chat->second.external_id;
    message.text = text;
    message.user_id = caller.user_id;
    const Reply sent = OperatorSends(caller.cloud, caller.portal, message);
    return sent.status == 200 ? Answer(*sent.body.Find("message_id")) : sent;
  }
  Message message;
  message.id = caller.portal.next_message;
  caller.portal.next_message += 2;
  message.chat_id = chat->first;
  message.text = text;
  message.system = true;
  message.time = UnixNow();
  const std::int64_t id = message.id;
  caller.portal.messages[id] = std::move(message);
  return Answer(id);
}

}  // namespace imrelay::stand_in
