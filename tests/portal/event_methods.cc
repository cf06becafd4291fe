// event.*. Source: rest/lib/api/event.php; b24restdocs, api-reference/events/.
#include <algorithm>
#include <iterator>

#include "tests/portal/methods.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

constexpr std::size_t kLongestHandler = 255;

struct KnownEvent {
  const char* name;
  const char* scope;
};
constexpr KnownEvent kEvents[] = {
    {"ONAPPINSTALL", ""},
    {"ONAPPUPDATE", ""},
    {"ONAPPUNINSTALL", ""},
    {"ONAPPPAYMENT", ""},
    {"ONAPPTEST", ""},
    {"ONAPPMETHODCONFIRM", ""},
    {"ONSUBSCRIPTIONRENEW", ""},
    {"ONOFFLINEEVENT", ""},
    {"ONIMCONNECTORMESSAGEADD", "imopenlines"},
    {"ONIMCONNECTORMESSAGEUPDATE", "imopenlines"},
    {"ONIMCONNECTORMESSAGEDELETE", "imopenlines"},
    {"ONIMCONNECTORDIALOGSTART", "imopenlines"},
    {"ONIMCONNECTORDIALOGFINISH", "imopenlines"},
    {"ONIMCONNECTORSTATUSDELETE", "imopenlines"},
    {"ONIMCONNECTORLINEDELETE", "imopenlines"},
};

bool IsKnown(const std::string& event, const std::string& scopes) {
  return std::any_of(std::begin(kEvents), std::end(kEvents), [&](const KnownEvent& known) {
    return event == known.name && (*known.scope == '\0' || HasScope(scopes, known.scope));
  });
}

Reply Denied() { return Refuse(403, "ACCESS_DENIED", "Access denied!"); }

// Status 200 when the handler may be called. Source: rest/lib/handlerhelper.php.
Reply CheckHandler(const std::string& handler) {
  const std::size_t scheme = handler.find("://");
  const std::string host =
      scheme == handler.npos
          ? ""
          : handler.substr(scheme + 3, handler.find_first_of("/:?#", scheme + 3) - scheme - 3);
  const std::size_t dot = host.find('.');
  if (dot == host.npos || dot == 0 || handler.size() > kLongestHandler) {
    return Refuse(400, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL");
  }
  if (handler.substr(0, scheme) != "http" && handler.substr(0, scheme) != "https") {
    return Refuse(400, "ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol");
  }
  return {};
}

bool IsOffline(const Tree& parameters) { return Text(parameters, "event_type") == "offline"; }

Reply CheckOffline(const Caller& caller, const std::string& event, const std::string& connector) {
  if (!caller.admin) return Denied();
  if (event == "ONOFFLINEEVENT") {
    return Refuse(400, "ERROR_CORE", "Offline event is not available for " + event);
  }
  if (!connector.empty() && !caller.portal.features.contains("rest_auth_connector")) {
    return Refuse(403, "WRONG_LICENSE", "auth_connector is not available");
  }
  return {};
}

}  // namespace

Reply EventBind(Caller& caller, const Tree& parameters) {
  Binding binding;
  binding.event = ToUpper(Text(parameters, "event"));
  binding.handler = Text(parameters, "handler");
  binding.user_id = Number(parameters, "auth_type", 0);
  binding.auth_connector = Text(parameters, "auth_connector");
  binding.offline = IsOffline(parameters);
  if (const Tree* options = parameters.FindAnyCase("options")) {
    binding.min_timeout = static_cast<int>(Number(*options, "minTimeout", 1));
  }
  if (binding.event.empty()) return MissingArgument("event");
  if (!IsKnown(binding.event, caller.scope)) {
    return Refuse(400, "ERROR_EVENT_NOT_FOUND", "Event not found");
  }
  if (binding.offline) {
    binding.handler.clear();
    binding.user_id = 0;
    if (Reply refused = CheckOffline(caller, binding.event, binding.auth_connector);
        refused.status != 200) {
      return refused;
    }
  } else {
    if (binding.handler.empty()) return MissingArgument("handler");
    if (Reply refused = CheckHandler(binding.handler); refused.status != 200) return refused;
    binding.auth_connector.clear();
    if (!caller.admin) {
      if (binding.user_id != 0 && binding.user_id != caller.user_id) return Denied();
      binding.user_id = caller.user_id;
    }
  }
  for (const Binding& other : caller.installation.bindings) {
    if (other.event == binding.event && other.handler == binding.handler &&
        other.user_id == binding.user_id && other.offline == binding.offline &&
        other.auth_connector == binding.auth_connector) {
      return Refuse(400, "ERROR_CORE", "Unable to set event handler: Handler already binded");
    }
  }
  binding.id = caller.portal.next_row++;
  caller.installation.bindings.push_back(std::move(binding));
  return Answer(true);
}

Reply EventUnbind(Caller& caller, const Tree& parameters) {
  const std::string event = ToUpper(Text(parameters, "event"));
  const std::string handler = Text(parameters, "handler");
  const std::string connector = Text(parameters, "auth_connector");
  const bool offline = IsOffline(parameters);
  if (event.empty()) return MissingArgument("event");
  if (!offline && handler.empty()) return MissingArgument("handler");
  if (offline && !caller.admin) return Denied();
  const std::size_t count =
      std::erase_if(caller.installation.bindings, [&](const Binding& binding) {
        if (binding.event != event || binding.offline != offline) return false;
        if (offline) return binding.auth_connector == connector;
        if (!caller.admin && binding.user_id != caller.user_id) return false;
        return binding.handler == handler &&
               (parameters.FindAnyCase("auth_type") == nullptr ||
                binding.user_id == Number(parameters, "auth_type", 0));
      });
  return Answer(PhpValue::Map({{"count", count}}));
}

Reply EventGet(Caller& caller, const Tree& /*parameters*/) {
  PhpValue list = PhpValue::Map();
  for (const Binding& binding : caller.installation.bindings) {
    if (!caller.admin && binding.user_id != caller.user_id) continue;
    if (binding.offline) {
      list.Append(PhpValue::Map(
          {{"event", binding.event}, {"connector_id", binding.auth_connector}, {"offline", 1}}));
    } else {
      list.Append(PhpValue::Map({{"event", binding.event},
                                 {"handler", binding.handler},
                                 {"auth_type", std::to_string(binding.user_id)},
                                 {"offline", 0}}));
    }
  }
  return Answer(std::move(list));
}

Reply EventTest(Caller& caller, const Tree& parameters) {
  Tree query = parameters;
  for (const char* token : {"auth", "access_token"}) query.Set(token, Tree());
  query.DropEmptyMaps();
  PhpValue data = PhpValue::Map({{"QUERY", PhpValue::Of(query)}});
  data.Set("LANGUAGE_ID", caller.portal.language);
  caller.cloud.Tell(caller.portal, caller.installation,
                    {"ONAPPTEST", std::move(data), caller.user_id, true});
  return Answer(true);
}

}  // namespace imrelay::stand_in
