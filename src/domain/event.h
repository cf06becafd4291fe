#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "domain/ids.h"

namespace imrelay {

// What a portal posts. Sources of every field: docs of bitrix24/b24restdocs,
// api-reference/imopenlines/imconnector/events, and imconnector/lib/provider/custom/output.php.
enum class EventKind {
  kMessageAdd,     // ONIMCONNECTORMESSAGEADD
  kMessageUpdate,  // ONIMCONNECTORMESSAGEUPDATE
  kMessageDelete,  // ONIMCONNECTORMESSAGEDELETE
  kDialogStart,    // ONIMCONNECTORDIALOGSTART
  kDialogFinish,   // ONIMCONNECTORDIALOGFINISH
  kStatusDelete,   // ONIMCONNECTORSTATUSDELETE: the connector was switched off on a line
  kLineDelete,     // ONIMCONNECTORLINEDELETE: any line of the portal, of any connector
  kAppInstall,     // ONAPPINSTALL
  kAppUpdate,      // ONAPPUPDATE
  kAppUninstall,   // ONAPPUNINSTALL
  kAppTest,        // ONAPPTEST, the answer to event.test
  kOfflineEvent,   // ONOFFLINEEVENT: the offline queue has something; carries no data
  kOther,          // any other name: journalled, nothing else
};

// The event's wire name in capitals; "" for kOther.
std::string_view WireName(EventKind kind);
// The kind of a wire name in any case.
EventKind KindOf(std::string_view wire_name);

// `auth[…]`. Every value is what the sender claims; only application_token, once it matched what
// was proven at installation, makes the rest of the event believable. Its URLs stay hostile after.
struct Auth {
  MemberId member_id;
  Secret application_token;
  Secret access_token;   // of the operator who acted; often absent
  Secret refresh_token;  // install, update, test and offline events only
  std::string domain;
  std::string client_endpoint;
  std::string server_endpoint;
  std::string scope;                    // comma separated
  std::optional<std::int64_t> expires;  // of access_token, unix seconds
  std::optional<std::int64_t> user_id;
};

// A file of a message. Links are public short links of the portal.
struct File {
  std::string name;
  std::string type;  // image, video, audio, file
  std::string mime;
  std::string link;
  std::string download_link;
  std::optional<std::int64_t> size;  // bytes
};

// One element of `data[MESSAGES]`.
struct EventMessage {
  ChatId chat_id;
  MessageId message_id;
  ExternalChatId external_chat_id;
  std::vector<ExternalMessageId> external_ids;  // empty in Add, or where Bitrix24 sent none
  std::optional<std::int64_t> user_id;          // the operator; 0 for system messages
  std::string text;                             // BBCode, valid UTF-8
  std::vector<File> files;
};

// One element of `data[DATA]` of the dialog events.
struct EventDialog {
  ExternalChatId external_chat_id;
  std::int64_t session_id = 0;
  std::int64_t user_id = 0;  // Bitrix24's internal number of the client; 0 for group chats
  bool closed = false;
};

struct Event {
  EventKind kind = EventKind::kOther;
  std::string name;                // as posted, upper-cased
  std::optional<std::int64_t> ts;  // when the portal queued it, unix seconds, the portal's clock
  Auth auth;
  ConnectorId connector;
  LineId line;
  std::vector<EventMessage> messages;
  std::vector<EventDialog> dialogs;
  bool clean = false;  // ONAPPUNINSTALL: the user asked to erase the data

  // Why nothing of it can be used, as a short word ("no_connector", "invalid_id", "no_messages",
  // "unknown_event"); empty when it can. Such an event is journalled, never refused.
  std::string unusable;
  // Elements left out because they lack an id, while others can be used.
  int skipped = 0;
};

}  // namespace imrelay
