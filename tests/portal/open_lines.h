#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/portal/cloud.h"

namespace imrelay::stand_in {

// The open lines of a portal: connectors on lines, chats and their messages, and what of it the
// applications are told. Source: imopenlines/lib/connector.php and
// imconnector/lib/provider/base/output.php, as the protocol's documentation tells them.

// Whose act it is.
struct Actor {
  std::int64_t user_id = 0;    // 0: nobody's, so the event has no token
  std::string caused_by = {};  // the application that called, if one did
};

// Whether messages pass between the connector and the line.
bool IsUsable(const Portal& portal, const std::string& connector, std::int64_t line);
Reply NotActiveLine();

Chat* FindChat(Portal& portal, const std::string& connector, std::int64_t line,
               const std::string& external_id);
// The chat, begun (ONIMCONNECTORDIALOGSTART) when there is none or it was finished. What stands
// behind a "|" in its external id is lost, as in the portal.
Chat& OpenChat(Cloud& cloud, Portal& portal, const std::string& connector, std::int64_t line,
               const std::string& external_id, const std::string& external_user_id,
               const Actor& actor);
void FinishChat(Cloud& cloud, Portal& portal, Chat& chat, const Actor& actor);

// Tells the application that registered the connector.
void TellOwner(Cloud& cloud, Portal& portal, const std::string& connector, std::string event,
               PhpValue data, const Actor& actor);
// Tells it of one message; `elements` is the list MESSAGES.
void TellOfMessage(Cloud& cloud, Portal& portal, const Chat& chat, const char* event,
                   PhpValue elements, const Actor& actor);

// Keeps a confirmation: the first one only, and none of a message that is deleted. Blanks around
// ids go, long ones are cut, "0" is none (im/lib/V2/Message/Param.php).
void Confirm(Message& message, const std::vector<std::string>& external_ids);
// As ids are kept.
std::vector<std::string> KeptIds(const std::vector<std::string>& external_ids);

// ONIMCONNECTORSTATUSDELETE, when it was active; `connector` keeps the caller's letter case.
void SwitchOff(Cloud& cloud, Portal& portal, const std::string& connector, std::int64_t line,
               const Actor& actor);
void DropConnector(Cloud& cloud, Portal& portal, const std::string& connector, const Actor& actor);
// Every application that bound ONIMCONNECTORLINEDELETE is told.
void DeleteLine(Cloud& cloud, Portal& portal, std::int64_t line, const Actor& actor);

}  // namespace imrelay::stand_in
