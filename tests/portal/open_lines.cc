#include "tests/portal/open_lines.h"

#include <utility>

#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

constexpr std::size_t kLongestId = 100;

PhpValue Dialog(const Chat& chat) {
  const PhpValue connector = PhpValue::Map({{"connector_id", chat.connector},
                                            {"line_id", std::to_string(chat.line)},
                                            {"chat_id", chat.external_id},
                                            {"user_id", std::to_string(chat.client_user_id)}});
  const PhpValue session = PhpValue::Map({{"id", std::to_string(chat.session_id)},
                                          {"closed", chat.open ? "N" : "Y"},
                                          {"parent_id", "0"},
                                          {"close_term", 10}});
  const PhpValue item =
      PhpValue::Map({{"connector", connector},
                     {"session", session},
                     {"chat", PhpValue::Map({{"id", chat.external_id}})},
                     {"user", PhpValue::Map({{"id", std::to_string(chat.client_user_id)}})}});
  return PhpValue::Map({{"CONNECTOR", chat.connector},
                        {"LINE", std::to_string(chat.line)},
                        {"DATA", PhpValue::List({item})}});
}

std::string Trimmed(const std::string& text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

}  // namespace

bool IsUsable(const Portal& portal, const std::string& connector, std::int64_t line) {
  const auto found = portal.lines.find({ToLower(connector), line});
  return found != portal.lines.end() && found->second.active && !found->second.error;
}

Reply NotActiveLine() {
  return Refuse(400, "NOT_ACTIVE_LINE", "Line with this ID is not active or does not exist");
}

Chat* FindChat(Portal& portal, const std::string& connector, std::int64_t line,
               const std::string& external_id) {
  for (auto& [id, chat] : portal.chats) {
    if (chat.connector == connector && chat.line == line && chat.external_id == external_id) {
      return &chat;
    }
  }
  return nullptr;
}

Chat& OpenChat(Cloud& cloud, Portal& portal, const std::string& connector, std::int64_t line,
               const std::string& external_id, const std::string& external_user_id,
               const Actor& actor) {
  const std::string kept = external_id.substr(0, external_id.find('|'));
  Chat* chat = FindChat(portal, connector, line, kept);
  if (chat != nullptr && chat->open) return *chat;
  if (chat == nullptr) {
    const std::int64_t id = portal.next_chat++;
    chat = &portal.chats[id];
    *chat = {id, connector, line, kept, external_user_id, portal.next_client++, 0, true};
  }
  chat->session_id = portal.next_session++;
  chat->open = true;
  TellOwner(cloud, portal, connector, "ONIMCONNECTORDIALOGSTART", Dialog(*chat), actor);
  return *chat;
}

void FinishChat(Cloud& cloud, Portal& portal, Chat& chat, const Actor& actor) {
  if (!chat.open) return;
  chat.open = false;
  TellOwner(cloud, portal, chat.connector, "ONIMCONNECTORDIALOGFINISH", Dialog(chat), actor);
}

void TellOwner(Cloud& cloud, Portal& portal, const std::string& connector, std::string event,
               PhpValue data, const Actor& actor) {
  const auto registered = portal.connectors.find(ToLower(connector));
  if (registered == portal.connectors.end()) return;
  Installation* owner = cloud.FindInstallation(portal, registered->second.client_id);
  if (owner == nullptr) return;
  cloud.Tell(portal, *owner,
             {std::move(event), std::move(data), actor.user_id, false, actor.caused_by});
}

void TellOfMessage(Cloud& cloud, Portal& portal, const Chat& chat, const char* event,
                   PhpValue elements, const Actor& actor) {
  TellOwner(cloud, portal, chat.connector, event,
            PhpValue::Map({{"CONNECTOR", chat.connector},
                           {"LINE", std::to_string(chat.line)},
                           {"MESSAGES", std::move(elements)}}),
            actor);
}

std::vector<std::string> KeptIds(const std::vector<std::string>& external_ids) {
  std::vector<std::string> kept;
  for (const std::string& id : external_ids) {
    std::string text = Trimmed(id);
    if (text.empty() || text == "0") continue;
    if (text.size() > kLongestId) text = text.substr(0, kLongestId - 3) + "...";
    kept.push_back(std::move(text));
  }
  return kept;
}

void Confirm(Message& message, const std::vector<std::string>& external_ids) {
  if (message.deleted || !message.sending) return;
  message.sending = false;
  message.external_ids = KeptIds(external_ids);
}

void SwitchOff(Cloud& cloud, Portal& portal, const std::string& connector, std::int64_t line,
               const Actor& actor) {
  const auto found = portal.lines.find({ToLower(connector), line});
  if (found == portal.lines.end() || !found->second.active) return;
  portal.lines.erase(found);
  TellOwner(cloud, portal, connector, "ONIMCONNECTORSTATUSDELETE",
            PhpValue::Map({{"connector", connector}, {"line", std::to_string(line)}}), actor);
}

void DropConnector(Cloud& cloud, Portal& portal, const std::string& connector, const Actor& actor) {
  std::vector<std::int64_t> lines;
  for (const auto& [place, state] : portal.lines) {
    if (place.first == connector) lines.push_back(place.second);
  }
  for (const std::int64_t line : lines) SwitchOff(cloud, portal, connector, line, actor);
  portal.connectors.erase(connector);
}

void DeleteLine(Cloud& cloud, Portal& portal, std::int64_t line, const Actor& actor) {
  std::vector<std::string> connectors;
  for (const auto& [place, state] : portal.lines) {
    if (place.second == line) connectors.push_back(place.first);
  }
  for (const std::string& connector : connectors) {
    SwitchOff(cloud, portal, connector, line, actor);
  }
  for (auto& [client_id, installation] : portal.installations) {
    cloud.Tell(portal, installation,
               {"ONIMCONNECTORLINEDELETE", line, actor.user_id, false, actor.caused_by});
  }
}

}  // namespace imrelay::stand_in
