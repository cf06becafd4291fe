#include "bitrix24/message_methods.h"

#include <charconv>

#include "bitrix24/answer.h"
#include "codec/json.h"

namespace imrelay {
namespace {

JsonWriter MessagesOf(const ConnectorId& connector, LineId line) {
  JsonWriter json;
  json.BeginObject().Key("CONNECTOR").String(connector.value());
  json.Key("LINE").Integer(line.value()).Key("MESSAGES").BeginArray();
  return json;
}

Call MakeCall(std::string_view method, JsonWriter& json) {
  return {std::string(method), json.EndArray().EndObject().Take()};
}

Call CallWith(std::string_view method, const ConnectorId& connector, LineId line,
              const std::string& element) {
  JsonWriter json = MessagesOf(connector, line);
  json.Raw(element);
  return MakeCall(method, json);
}

void Write(const Confirmation& confirmation, JsonWriter& json) {
  json.BeginObject().Key("im").BeginObject();
  json.Key("chat_id").Integer(confirmation.chat.value());
  json.Key("message_id").Integer(confirmation.message.value()).EndObject();
  json.Key("message").BeginObject();
  if (!confirmation.ids.empty()) {
    json.Key("id").BeginArray();
    for (const ExternalMessageId& id : confirmation.ids) json.String(id.value());
    json.EndArray();
  }
  json.Key("date").Integer(UnixSeconds(confirmation.delivered_at)).EndObject();
  json.Key("chat").BeginObject().Key("id").String(confirmation.external_chat.value()).EndObject();
  json.EndObject();
}

// The first text in ERRORS, which is a list of texts or of maps with one.
std::string_view FirstError(const Tree& item) {
  const Tree* at = item.FindAnyCase("ERRORS");
  while (at != nullptr && !at->is_text()) {
    at = at->items().empty() ? nullptr : &at->items().front().second;
  }
  return at == nullptr ? std::string_view() : std::string_view(at->text());
}

}  // namespace

Call ConfirmDelivery(const ConnectorId& connector, LineId line,
                     const std::vector<Confirmation>& confirmations) {
  JsonWriter json = MessagesOf(connector, line);
  for (const Confirmation& confirmation : confirmations) Write(confirmation, json);
  return MakeCall("imconnector.send.status.delivery", json);
}

Call SendMessage(const ConnectorId& connector, LineId line, const std::string& element) {
  return CallWith("imconnector.send.messages", connector, line, element);
}

Call UpdateMessage(const ConnectorId& connector, LineId line, const std::string& element) {
  return CallWith("imconnector.update.messages", connector, line, element);
}

Call DeleteMessage(const ConnectorId& connector, LineId line, const std::string& element) {
  return CallWith("imconnector.delete.messages", connector, line, element);
}

CallResultOf<void> ReadSent(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  const Tree* result = answer->Find("result");
  const std::string* success = result == nullptr ? nullptr : result->FindTextAnyCase("SUCCESS");
  if (success == nullptr) {
    return FailCall({Fault::kLater, "broken_answer", "an answer without SUCCESS"});
  }
  const Tree* data = result->FindAnyCase("DATA");
  const Tree* items = data == nullptr ? nullptr : data->FindAnyCase("RESULT");
  const Tree* item =
      items == nullptr || items->items().empty() ? nullptr : &items->items().front().second;
  const std::string* own = item == nullptr ? nullptr : item->FindTextAnyCase("SUCCESS");
  if (IsYes(*success) && (own == nullptr || IsYes(*own))) return {};
  const std::string_view first = FirstError(item == nullptr ? *result : *item);
  const std::string word = ErrorWord(first);
  const std::string told = word == "refused" ? RedactedSentence(first) : word;
  return FailCall(
      {Fault::kPermanent, word, "the portal refused the message: " + (told.empty() ? word : told)});
}

Call GetChatMessages(ChatId chat, MessageId before) {
  JsonWriter json;
  json.BeginObject().Key("DIALOG_ID").String("chat" + std::to_string(chat.value()));
  json.Key("LAST_ID").Integer(before.value()).Key("LIMIT").Integer(50).EndObject();
  return {"im.dialog.messages.get", json.Take()};
}

CallResultOf<std::vector<ChatMessage>> ReadChatMessages(const CallResult& answer, ChatId chat) {
  if (!answer) return FailCall(answer.error());
  const Tree* result = answer->Find("result");
  const std::string* of_chat = result == nullptr ? nullptr : result->FindText("chat_id");
  if (of_chat == nullptr || *of_chat != std::to_string(chat.value())) {
    return FailCall({Fault::kLater, "broken_answer", "an answer without the chat"});
  }
  std::vector<ChatMessage> messages;
  const Tree* list = result->Find("messages");
  if (list == nullptr) return messages;
  for (const auto& [index, item] : list->items()) {
    const std::string* id = item.FindText("id");
    std::int64_t number = 0;
    if (id != nullptr) std::from_chars(id->data(), id->data() + id->size(), number);
    if (number <= 0) {
      return FailCall({Fault::kLater, "broken_answer", "a message without its number"});
    }
    const Tree* params = item.Find("params");
    const std::string* deleted = params == nullptr ? nullptr : params->FindText("IS_DELETED");
    messages.push_back({MessageId(number), deleted != nullptr && IsYes(*deleted)});
  }
  return messages;
}

Call TellChat(ChatId chat, const std::string& sentence) {
  JsonWriter json;
  json.BeginObject().Key("DIALOG_ID").String("chat" + std::to_string(chat.value()));
  json.Key("MESSAGE").String(sentence).Key("SYSTEM").String("Y").EndObject();
  return {"im.message.add", json.Take()};
}

CallResultOf<void> ReadTold(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  const std::string* number = answer->FindText("result");
  if (number != nullptr && !number->empty() && *number != "0") return {};
  return FailCall({Fault::kPermanent, "not_done", "the portal took no line for the chat"});
}

}  // namespace imrelay
