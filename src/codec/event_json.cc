#include "codec/event_decoder.h"
#include "codec/json.h"

namespace imrelay {
namespace {

std::string_view KindName(EventKind kind) {
  switch (kind) {
    case EventKind::kMessageAdd:
      return "message_add";
    case EventKind::kMessageUpdate:
      return "message_update";
    case EventKind::kMessageDelete:
      return "message_delete";
    case EventKind::kDialogStart:
      return "dialog_start";
    case EventKind::kDialogFinish:
      return "dialog_finish";
    case EventKind::kStatusDelete:
      return "status_delete";
    case EventKind::kLineDelete:
      return "line_delete";
    case EventKind::kAppInstall:
      return "app_install";
    case EventKind::kAppUpdate:
      return "app_update";
    case EventKind::kAppUninstall:
      return "app_uninstall";
    case EventKind::kAppTest:
      return "app_test";
    case EventKind::kOfflineEvent:
      return "offline_event";
    case EventKind::kOther:
      return "other";
  }
  return "other";
}

// What is unknown is null, so that every event shows the same names.
void Write(JsonWriter& json, std::string_view name, std::string_view text) {
  json.Key(name);
  if (text.empty()) {
    json.Null();
  } else {
    json.String(text);
  }
}

void Write(JsonWriter& json, std::string_view name, std::optional<std::int64_t> number) {
  json.Key(name);
  if (number) {
    json.Integer(*number);
  } else {
    json.Null();
  }
}

void Write(JsonWriter& json, std::string_view name, const Secret& secret) {
  Write(json, name, std::string_view(secret.empty() ? "" : "present"));
}

void Write(JsonWriter& json, const EventMessage& message) {
  json.BeginObject();
  json.Key("chat_id").Integer(message.chat_id.value());
  json.Key("message_id").Integer(message.message_id.value());
  json.Key("external_chat_id").String(message.external_chat_id.value());
  json.Key("external_ids").BeginArray();
  for (const ExternalMessageId& id : message.external_ids) json.String(id.value());
  json.EndArray();
  Write(json, "user_id", message.user_id);
  json.Key("text").String(message.text);
  json.Key("files").BeginArray();
  for (const File& file : message.files) {
    json.BeginObject();
    Write(json, "name", file.name);
    Write(json, "type", file.type);
    Write(json, "mime", file.mime);
    Write(json, "link", file.link);
    Write(json, "download_link", file.download_link);
    Write(json, "size", file.size);
    json.EndObject();
  }
  json.EndArray().EndObject();
}

void Write(JsonWriter& json, const EventDialog& dialog) {
  json.BeginObject();
  json.Key("external_chat_id").String(dialog.external_chat_id.value());
  json.Key("session_id").Integer(dialog.session_id);
  json.Key("user_id").Integer(dialog.user_id);
  json.Key("closed").Bool(dialog.closed);
  json.EndObject();
}

void Write(JsonWriter& json, const Auth& auth) {
  json.BeginObject();
  Write(json, "member_id", auth.member_id.value());
  Write(json, "domain", auth.domain);
  Write(json, "client_endpoint", auth.client_endpoint);
  Write(json, "server_endpoint", auth.server_endpoint);
  Write(json, "scope", auth.scope);
  Write(json, "expires", auth.expires);
  Write(json, "user_id", auth.user_id);
  Write(json, "application_token", auth.application_token);
  Write(json, "access_token", auth.access_token);
  Write(json, "refresh_token", auth.refresh_token);
  json.EndObject();
}

}  // namespace

std::string EventToJson(const Event& event) {
  JsonWriter json(true);
  json.BeginObject();
  json.Key("event").String(event.name);
  json.Key("kind").String(KindName(event.kind));
  Write(json, "ts", event.ts);
  Write(json, "connector", event.connector.value());
  const std::int64_t line = event.line.value();
  Write(json, "line", line > 0 ? std::optional(line) : std::nullopt);
  json.Key("messages").BeginArray();
  for (const EventMessage& message : event.messages) Write(json, message);
  json.EndArray();
  json.Key("dialogs").BeginArray();
  for (const EventDialog& dialog : event.dialogs) Write(json, dialog);
  json.EndArray();
  json.Key("auth");
  Write(json, event.auth);
  json.Key("clean").Bool(event.clean);
  Write(json, "unusable", event.unusable);
  json.Key("skipped").Integer(event.skipped);
  json.EndObject();
  return json.Take();
}

}  // namespace imrelay
