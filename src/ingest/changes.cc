#include "ingest/changes.h"

#include <string>
#include <utility>

#include "codec/json.h"

namespace imrelay {
namespace {

// What the channel is told of a message besides its ids.
std::string MessagePayload(const EventMessage& message) {
  JsonWriter json;
  json.BeginObject().Key("text").String(message.text);
  if (message.user_id) json.Key("user_id").Integer(*message.user_id);
  if (!message.files.empty()) {
    json.Key("files").BeginArray();
    for (const File& file : message.files) {
      json.BeginObject().Key("name").String(file.name).Key("type").String(file.type);
      json.Key("mime").String(file.mime).Key("link").String(file.link);
      json.Key("download_link").String(file.download_link);
      if (file.size) json.Key("size").Integer(*file.size);
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
  return json.Take();
}

std::string DialogPayload(const EventDialog& dialog) {
  JsonWriter json;
  json.BeginObject().Key("session_id").Integer(dialog.session_id);
  json.Key("user_id").Integer(dialog.user_id).Key("closed").Bool(dialog.closed).EndObject();
  return json.Take();
}

Change ChangeOf(EventKind kind, const Event& event, const EventMessage& message) {
  Place place{event.connector, event.line, message.external_chat_id};
  switch (kind) {
    case EventKind::kMessageAdd:
      return MessageCreated{std::move(place), message.chat_id, message.message_id,
                            MessagePayload(message)};
    case EventKind::kMessageUpdate:
      return MessageUpdated{std::move(place), message.chat_id, message.message_id,
                            message.external_ids, MessagePayload(message)};
    default:
      return MessageDeleted{std::move(place), message.chat_id, message.message_id,
                            message.external_ids};
  }
}

}  // namespace

std::vector<Change> ChangesOf(const Event& event) {
  std::vector<Change> changes;
  switch (event.kind) {
    case EventKind::kMessageAdd:
    case EventKind::kMessageUpdate:
    case EventKind::kMessageDelete:
      for (const EventMessage& message : event.messages) {
        changes.push_back(ChangeOf(event.kind, event, message));
      }
      break;
    case EventKind::kDialogStart:
    case EventKind::kDialogFinish:
      for (const EventDialog& dialog : event.dialogs) {
        changes.emplace_back(DialogChanged{{event.connector, event.line, dialog.external_chat_id},
                                           event.kind == EventKind::kDialogStart,
                                           DialogPayload(dialog)});
      }
      break;
    case EventKind::kStatusDelete:
      changes.emplace_back(LineDisconnected{event.connector, event.line});
      break;
    case EventKind::kLineDelete:
      changes.emplace_back(LineDeleted{event.line});
      break;
    case EventKind::kAppUninstall:
      changes.emplace_back(PortalUninstalled{event.clean});
      break;
    case EventKind::kAppInstall:
    case EventKind::kAppUpdate:
    case EventKind::kAppTest:
    case EventKind::kOfflineEvent:
    case EventKind::kOther:
      break;
  }
  return changes;
}

}  // namespace imrelay
