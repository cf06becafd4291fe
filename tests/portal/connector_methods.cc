// imconnector.*, less the messages. Source: imconnector/lib/rest/ and imconnector/rest.php, as the
// protocol's documentation tells them.
#include "tests/portal/methods.h"
#include "tests/portal/open_lines.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

// A failed registration comes with status 200: documented inside `result`, in the source beside it.
Reply Failed(const Caller& caller, std::string error, std::string description) {
  PhpValue failure = PhpValue::Map({{"result", false},
                                    {"error", std::move(error)},
                                    {"error_description", std::move(description)}});
  if (caller.cloud.nested_failures) return Answer(std::move(failure));
  return Reply{200, std::move(failure)};
}

Reply Registered() { return Answer(PhpValue::Map({{"result", true}})); }

struct Place {
  std::string connector;
  std::int64_t line = 0;
  Reply refused;  // status 200: nothing is missing
};

Place PlaceOf(const Tree& parameters) {
  Place place;
  place.connector = Text(parameters, "CONNECTOR");
  place.line = Number(parameters, "LINE", 0);
  if (IsEmpty(parameters.FindAnyCase("CONNECTOR"))) {
    place.refused = MissingArgument("CONNECTOR");
  } else if (IsEmpty(parameters.FindAnyCase("LINE"))) {
    place.refused = MissingArgument("LINE");
  }
  return place;
}

Reply Done() { return Answer(PhpValue::Map({{"SUCCESS", true}, {"DATA", PhpValue::Map()}})); }

std::string Registrable(const Tree& parameters) {
  const Tree* icon = parameters.FindAnyCase("ICON");
  if (IsEmpty(parameters.FindAnyCase("ID"))) return "CONNECTOR_ID_REQUIRED";
  if (IsEmpty(parameters.FindAnyCase("NAME"))) return "NAME_REQUIRED";
  if (icon == nullptr || IsEmpty(icon->FindAnyCase("DATA_IMAGE"))) return "ICON_REQUIRED";
  if (IsEmpty(parameters.FindAnyCase("PLACEMENT_HANDLER"))) return "NO_PLACEMENT_HANDLER";
  if (Text(parameters, "ID").find('.') != std::string::npos) {
    return "APPLICATION_REGISTRATION_ERROR_POINT";
  }
  return {};
}

}  // namespace

Reply ConnectorRegister(Caller& caller, const Tree& parameters) {
  if (const std::string error = Registrable(parameters); !error.empty()) {
    return Failed(caller, error, "The connector cannot be registered");
  }
  Connector connector;
  connector.id = ToLower(Text(parameters, "ID"));
  connector.name = Text(parameters, "NAME");
  connector.client_id = caller.installation.client_id;
  connector.placement_handler = Text(parameters, "PLACEMENT_HANDLER");
  connector.delete_external = Flag(parameters, "DEL_EXTERNAL_MESSAGES", true);
  connector.edit_internal = Flag(parameters, "EDIT_INTERNAL_MESSAGES", true);
  connector.delete_internal = Flag(parameters, "DEL_INTERNAL_MESSAGES", true);
  connector.signature = Flag(parameters, "NEED_SIGNATURE", true);
  connector.chat_group = Flag(parameters, "CHAT_GROUP", false);
  caller.portal.connectors[connector.id] = connector;
  return Registered();
}

Reply ConnectorUnregister(Caller& caller, const Tree& parameters) {
  if (IsEmpty(parameters.FindAnyCase("ID"))) {
    return Failed(caller, "CONNECTOR_ID_REQUIRED", "The connector has no ID");
  }
  DropConnector(caller.cloud, caller.portal, ToLower(Text(parameters, "ID")),
                {caller.user_id, caller.installation.client_id});
  return Registered();
}

Reply ConnectorActivate(Caller& caller, const Tree& parameters) {
  const Place place = PlaceOf(parameters);
  if (place.refused.status != 200) return place.refused;
  // Neither the connector nor the line is looked up, and "N" is not empty.
  if (IsEmpty(parameters.FindAnyCase("ACTIVE"))) {
    SwitchOff(caller.cloud, caller.portal, place.connector, place.line,
              {caller.user_id, caller.installation.client_id});
  } else {
    LineState& state = caller.portal.lines[{ToLower(place.connector), place.line}];
    state.active = true;
    state.error = false;
  }
  return Answer(true);
}

Reply ConnectorDataSet(Caller& caller, const Tree& parameters) {
  const Place place = PlaceOf(parameters);
  if (place.refused.status != 200) return place.refused;
  const Tree* data = parameters.FindAnyCase("DATA");
  if (IsEmpty(data)) return MissingArgument("DATA");
  LineState& state = caller.portal.lines[{ToLower(place.connector), place.line}];
  for (const char* name : {"ID", "URL", "URL_IM", "NAME"}) {
    // Merged: what is empty stays as it was.
    if (const std::string text = Text(*data, name); !text.empty()) state.data.Set(name, text);
  }
  return Answer(true);
}

Reply ConnectorStatus(Caller& caller, const Tree& parameters) {
  const std::string connector = Text(parameters, "CONNECTOR");
  if (connector.empty()) return MissingArgument("CONNECTOR");
  const std::int64_t line = Number(parameters, "LINE", 0);
  const auto found = caller.portal.lines.find({ToLower(connector), line});
  const LineState state = found == caller.portal.lines.end() ? LineState() : found->second;
  const bool registered = caller.portal.connectors.contains(ToLower(connector));
  return Answer(PhpValue::Map({{"LINE", line},
                               {"CONNECTOR", connector},
                               {"ERROR", state.error},
                               {"CONFIGURED", state.active},
                               {"STATUS", state.active && !state.error && registered}}));
}

Reply ConnectorList(Caller& caller, const Tree& /*parameters*/) {
  if (!caller.admin && !caller.portal.connector_editors.contains(caller.user_id)) {
    return Refuse(400, "ACCESS_DENIED", "You do not have permission to modify connectors");
  }
  PhpValue list = PhpValue::Map({{"livechat", "Live chat"}});
  for (const auto& [id, connector] : caller.portal.connectors) list.Set(id, connector.name);
  return Answer(std::move(list));
}

Reply ConnectorSetError(Caller& caller, const Tree& parameters) {
  const Place place = PlaceOf(parameters);
  if (place.refused.status != 200) return place.refused;
  caller.portal.lines[{ToLower(place.connector), place.line}].error = true;
  return Done();
}

Reply ChatNameSet(Caller& caller, const Tree& parameters) {
  const Place place = PlaceOf(parameters);
  if (place.refused.status != 200) return place.refused;
  for (const char* name : {"CHAT_ID", "NAME"}) {
    if (IsEmpty(parameters.FindAnyCase(name))) return MissingArgument(name);
  }
  const auto registered = caller.portal.connectors.find(ToLower(place.connector));
  const bool group = registered != caller.portal.connectors.end() && registered->second.chat_group;
  if (!group && IsEmpty(parameters.FindAnyCase("USER_ID"))) return MissingArgument("USER_ID");
  if (!IsUsable(caller.portal, place.connector, place.line)) return NotActiveLine();
  if (FindChat(caller.portal, ToLower(place.connector), place.line, Text(parameters, "CHAT_ID")) ==
      nullptr) {
    return Refuse(400, "CHAT_RENAMING_FAILED", "The chat was not found");
  }
  return Answer(
      PhpValue::Map({{"SUCCESS", true}, {"DATA", PhpValue::Map({{"RESULT", PhpValue::Map()}})}}));
}

}  // namespace imrelay::stand_in
