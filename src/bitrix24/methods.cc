#include "bitrix24/methods.h"

#include <charconv>

#include "bitrix24/answer.h"
#include "codec/ascii.h"
#include "codec/json.h"

namespace imrelay {
namespace {

// Two speech bubbles, one over the other, white on kIconColor. Percent-encoded, as the
// documentation's example is; no image there is base64.
constexpr std::string_view kIcon =
    "data:image/svg+xml;charset=US-ASCII,%3Csvg%20xmlns%3D%22http%3A//www.w3.org/2000/svg%22%20"
    "viewBox%3D%220%200%2064%2064%22%3E%3Cpath%20fill%3D%22%23fff%22%20d%3D%22M10%2012h30a4%204%20"
    "0%200%201%204%204v14a4%204%200%200%201-4%204H22l-9%208v-8h-3a4%204%200%200%201-4-4V16a4%204%20"
    "0%200%201%204-4z%22/%3E%3Cpath%20fill%3D%22%23fff%22%20opacity%3D%22.7%22%20d%3D%22M48%2024h6"
    "a4%204%200%200%201%204%204v14a4%204%200%200%201-4%204h-3v8l-9-8H28a4%204%200%200%201-4-4v-2h16"
    "a8%208%200%200%200%208-8z%22/%3E%3C/svg%3E";
constexpr std::string_view kIconColor = "#2f6fed";

Call MakeCall(std::string_view method, JsonWriter& parameters) {
  return {std::string(method), parameters.EndObject().Take()};
}

tl::unexpected<CallError> Broken(const char* missing) {
  return FailCall({Fault::kLater, "broken_answer", std::string("an answer without ") + missing});
}

bool Says(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindTextAnyCase(key);
  return text != nullptr && IsYes(*text);
}

std::string TextOf(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindTextAnyCase(key);
  return text == nullptr ? std::string() : *text;
}

JsonWriter OfLine(const ConnectorId& connector, LineId line) {
  JsonWriter json;
  json.BeginObject().Key("CONNECTOR").String(connector.value());
  json.Key("LINE").Integer(line.value());
  return json;
}

// The result as a map; null when it is none.
const Tree* MapOf(const Tree& answer) {
  const Tree* result = answer.Find("result");
  return result == nullptr || result->items().empty() ? nullptr : result;
}

}  // namespace

CallResultOf<void> ReadDone(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  const Tree* result = answer->Find("result");
  if (result != nullptr && !result->is_text()) result = result->FindAnyCase("result");
  // Empty, or a map of something: done all the same.
  if (result == nullptr || !result->is_text() || IsYes(result->text())) return {};
  return FailCall({Fault::kPermanent, "not_done", "the portal did not do it and said no reason"});
}

Call RegisterConnector(const ConnectorCard& card) {
  JsonWriter json;
  json.BeginObject().Key("ID").String(card.id).Key("NAME").String(card.name);
  json.Key("ICON").BeginObject();
  json.Key("DATA_IMAGE").String(card.icon.empty() ? kIcon : std::string_view(card.icon));
  json.Key("COLOR").String(kIconColor).Key("SIZE").String("90%");
  json.Key("POSITION").String("center").EndObject();
  json.Key("PLACEMENT_HANDLER").String(card.settings_url);
  json.Key("EDIT_INTERNAL_MESSAGES").Bool(true).Key("DEL_INTERNAL_MESSAGES").Bool(true);
  json.Key("DEL_EXTERNAL_MESSAGES").Bool(true).Key("NEED_SYSTEM_MESSAGES").Bool(true);
  json.Key("NEED_SIGNATURE").Bool(false).Key("CHAT_GROUP").Bool(false);
  return MakeCall("imconnector.register", json);
}

Call ActivateConnector(const ConnectorId& connector, LineId line, bool active) {
  JsonWriter json = OfLine(connector, line);
  json.Key("ACTIVE").Integer(active ? 1 : 0);
  return MakeCall("imconnector.activate", json);
}

Call SetConnectorData(const ConnectorId& connector, LineId line, const std::string& name) {
  JsonWriter json = OfLine(connector, line);
  json.Key("DATA").BeginObject();
  json.Key("ID").String(connector.value() + "_line" + std::to_string(line.value()));
  json.Key("NAME").String(name).EndObject();
  return MakeCall("imconnector.connector.data.set", json);
}

Call GetConnectorStatus(const ConnectorId& connector, LineId line) {
  JsonWriter json = OfLine(connector, line);
  return MakeCall("imconnector.status", json);
}

CallResultOf<ConnectorStatus> ReadConnectorStatus(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  const Tree* result = MapOf(*answer);
  if (result == nullptr || result->FindTextAnyCase("STATUS") == nullptr) return Broken("STATUS");
  return ConnectorStatus{Says(*result, "CONFIGURED"), Says(*result, "STATUS"),
                         Says(*result, "ERROR")};
}

Call ListConnectors() { return {"imconnector.list"}; }

CallResultOf<std::vector<ConnectorId>> ReadConnectors(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  std::vector<ConnectorId> connectors;
  if (const Tree* result = MapOf(*answer)) {
    for (const auto& [id, name] : result->items()) connectors.emplace_back(LowerAscii(id));
  }
  return connectors;
}

Call GetEventHandlers() { return {"event.get"}; }

CallResultOf<std::vector<EventHandler>> ReadEventHandlers(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  std::vector<EventHandler> rows;
  const Tree* result = answer->Find("result");
  if (result == nullptr) return rows;  // nothing is bound
  if (result->is_text()) return Broken("rows");
  for (const auto& [index, row] : result->items()) {
    EventHandler handler;
    handler.event = UpperAscii(TextOf(row, "event"));
    handler.url = TextOf(row, "handler");
    handler.auth_type = TextOf(row, "auth_type");
    handler.offline = Says(row, "offline");
    if (handler.event.empty()) return Broken("the name of an event");
    if (handler.auth_type.empty()) handler.auth_type = "0";
    rows.push_back(std::move(handler));
  }
  return rows;
}

Call BindEvent(std::string_view event, const std::string& url) {
  JsonWriter json;
  json.BeginObject().Key("event").String(event).Key("handler").String(url);
  return MakeCall("event.bind", json);
}

Call BindOffline(std::string_view event, const std::string& url) {
  JsonWriter json;
  json.BeginObject().Key("event").String(event).Key("handler").String(url);
  json.Key("event_type").String("offline");
  return MakeCall("event.bind", json);
}

CallResultOf<void> ReadBound(const CallResult& answer) {
  if (!answer && answer.error().word == kAlreadyBound) return {};
  return ReadDone(answer);
}

Call UnbindEvent(const EventHandler& row) {
  JsonWriter json;
  json.BeginObject().Key("event").String(row.event).Key("handler").String(row.url);
  json.Key("event_type").String(row.offline ? "offline" : "online");
  json.Key("auth_type").String(row.auth_type);
  return MakeCall("event.unbind", json);
}

Call TestEvents(const std::string& mark) {
  JsonWriter json;
  json.BeginObject().Key("mark").String(mark);
  return MakeCall("event.test", json);
}

Call GetAppInfo() { return {"app.info"}; }

CallResultOf<AppInfo> ReadAppInfo(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  const Tree* result = MapOf(*answer);
  if (result == nullptr || result->FindTextAnyCase("INSTALLED") == nullptr) {
    return Broken("INSTALLED");
  }
  AppInfo info;
  info.installed = Says(*result, "INSTALLED");
  info.status = TextOf(*result, "STATUS");
  info.license = TextOf(*result, "LICENSE");
  info.payment_expired = Says(*result, "PAYMENT_EXPIRED");
  const std::string version = TextOf(*result, "VERSION");
  std::from_chars(version.data(), version.data() + version.size(), info.version);
  return info;
}

Call GetScope() { return {"scope"}; }

CallResultOf<std::vector<std::string>> ReadScope(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  std::vector<std::string> scope;
  const Tree* result = answer->Find("result");
  if (result == nullptr) return scope;
  if (result->is_text()) return Broken("a list of scopes");
  for (const auto& [index, name] : result->items()) scope.push_back(LowerAscii(name.text()));
  return scope;
}

Call GetFeature(std::string_view code) {
  JsonWriter json;
  json.BeginObject().Key("CODE").String(code);
  return MakeCall("feature.get", json);
}

CallResultOf<bool> ReadFeature(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  const Tree* result = MapOf(*answer);
  const std::string* value = result == nullptr ? nullptr : result->FindTextAnyCase("value");
  if (value == nullptr) return Broken("a value");
  return IsYes(*value) || value->ends_with("_selfhosted");
}

}  // namespace imrelay
