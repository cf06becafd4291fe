#include "tests/portal/operator.h"

#include <random>

#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

constexpr const char* kOperator = "Klaus Weber";

PhpValue Im(const Message& message) {
  return PhpValue::Map({{"chat_id", message.chat_id}, {"message_id", message.id}});
}

PhpValue ChatPart(const Chat& chat) { return PhpValue::Map({{"id", chat.external_id}}); }

bool Signs(const Portal& portal, const Chat& chat) {
  const auto found = portal.connectors.find(chat.connector);
  return found != portal.connectors.end() && found->second.signature;
}

Message* FindLiving(Portal& portal, std::int64_t message_id) {
  const auto found = portal.messages.find(message_id);
  if (found == portal.messages.end() || found->second.deleted) return nullptr;
  return &found->second;
}

Reply NoMessage() {
  return Refuse(409, "no_message", "There is no such message, or it is deleted");
}

// Whether the page offers to change or delete the message. For the operator's own messages the
// source asks EDIT_INTERNAL_MESSAGES about deleting too: imconnector/lib/connector.php:419-430.
bool MayChange(const Portal& portal, const Chat& chat, const Message& message) {
  const auto found = portal.connectors.find(chat.connector);
  if (found == portal.connectors.end()) return true;
  return message.from_client ? found->second.delete_external : found->second.edit_internal;
}

}  // namespace

Reply OperatorSends(Cloud& cloud, Portal& portal, const NewMessage& given) {
  const std::string connector = ToLower(given.connector);
  if (!portal.connectors.contains(connector)) {
    return Refuse(409, "no_connector", "The connector is not registered");
  }
  if (!IsUsable(portal, connector, given.line)) {
    return Refuse(409, "not_active", "The connector is not active on this line");
  }
  const Actor actor{given.user_id};
  const Chat& chat = OpenChat(cloud, portal, connector, given.line, given.chat, given.chat, actor);
  Message message;
  message.id = portal.next_message;
  portal.next_message += 2;
  message.chat_id = chat.id;
  message.user_id = given.user_id;
  message.text = given.text;
  message.files = given.files;
  message.sending = true;
  message.time = UnixNow();
  std::string text = given.text;
  if (!text.empty() && Signs(portal, chat))
    text = std::string("[b]") + kOperator + ":[/b] [br]" + text;
  const PhpValue part =
      PhpValue::Map({{"user_id", given.user_id}, {"text", text}, {"files", given.files}});
  const PhpValue element =
      PhpValue::Map({{"im", Im(message)}, {"message", part}, {"chat", ChatPart(chat)}});
  const PhpValue answer = PhpValue::Map({{"message_id", message.id}, {"chat_id", message.chat_id}});
  portal.messages[message.id] = std::move(message);
  TellOfMessage(cloud, portal, chat, "ONIMCONNECTORMESSAGEADD", PhpValue::List({element}), actor);
  return Reply{200, answer};
}

Reply OperatorEdits(Cloud& cloud, Portal& portal, std::int64_t message_id, const std::string& text,
                    const Actor& actor) {
  if (text.empty()) return OperatorDeletes(cloud, portal, message_id, actor);
  Message* message = FindLiving(portal, message_id);
  if (message == nullptr) return NoMessage();
  const Chat& chat = portal.chats.at(message->chat_id);
  if (message->from_client || !MayChange(portal, chat, *message)) {
    return Refuse(409, "not_allowed", "The operator may not edit this message");
  }
  message->text = text;
  if (message->external_ids.empty()) return {};
  PhpValue ids = PhpValue::Map();
  for (const std::string& id : message->external_ids) ids.Append(id);
  std::string shown = text;
  if (Signs(portal, chat)) shown = std::string("[b]") + kOperator + ":[/b][br] " + text;
  const PhpValue element =
      PhpValue::Map({{"im", Im(*message)},
                     {"message", PhpValue::Map({{"id", std::move(ids)}, {"text", shown}})},
                     {"chat", ChatPart(chat)}});
  TellOfMessage(cloud, portal, chat, "ONIMCONNECTORMESSAGEUPDATE", PhpValue::List({element}),
                actor);
  return {};
}

Reply OperatorDeletes(Cloud& cloud, Portal& portal, std::int64_t message_id, const Actor& actor,
                      bool completely) {
  Message* message = FindLiving(portal, message_id);
  if (message == nullptr) return NoMessage();
  const Chat& chat = portal.chats.at(message->chat_id);
  if (!MayChange(portal, chat, *message)) {
    return Refuse(409, "not_allowed", "The operator may not delete this message");
  }
  PhpValue elements = PhpValue::Map();
  for (const std::string& id : message->external_ids) {
    elements.Append(PhpValue::Map({{"im", Im(*message)},
                                   {"message", PhpValue::Map({{"id", id}})},
                                   {"chat", ChatPart(chat)}}));
  }
  message->deleted = true;
  message->sending = false;
  message->external_ids.clear();
  if (completely) portal.messages.erase(message_id);
  if (elements.items().empty()) return {};
  TellOfMessage(cloud, portal, chat, "ONIMCONNECTORMESSAGEDELETE", std::move(elements), actor);
  return {};
}

Reply OperatorsSettle(Cloud& cloud, Portal& portal, double edits, double deletions) {
  std::int64_t edited = 0;
  std::int64_t deleted = 0;
  std::int64_t unconfirmed = 0;
  for (auto& [number, message] : portal.messages) {
    if (message.sending) ++unconfirmed;
    if (message.sending || message.settled || message.external_ids.empty()) continue;
    message.settled = true;
    std::minstd_rand random(static_cast<std::uint32_t>(number));
    random.discard(3);  // of neighbouring seeds the first numbers are neighbours too
    std::uniform_real_distribution<double> draw(0, 1);
    if (draw(random) < edits) {
      ++edited;
      OperatorEdits(cloud, portal, number, "Edited message", {message.user_id});
    }
    if (draw(random) < deletions) {
      ++deleted;
      OperatorDeletes(cloud, portal, number, {message.user_id});
    }
  }
  return Reply{
      200, PhpValue::Map({{"edited", edited}, {"deleted", deleted}, {"unconfirmed", unconfirmed}})};
}

}  // namespace imrelay::stand_in
