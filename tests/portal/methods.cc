#include "tests/portal/methods.h"

#include <algorithm>
#include <map>

#include "tests/portal/offline_queue.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

// Source: b24restdocs, api-reference/common/system/app-info.md.
Reply AppInfo(Caller& caller, const Tree& /*parameters*/) {
  const Installation& installation = caller.installation;
  return Answer(PhpValue::Map({{"ID", 7},
                               {"CODE", installation.client_id},
                               {"VERSION", installation.version},
                               {"STATUS", "L"},
                               {"INSTALLED", installation.installed},
                               {"PAYMENT_EXPIRED", installation.payment_expired ? "Y" : "N"},
                               {"DAYS", PhpValue()},
                               {"LANGUAGE_ID", caller.portal.language},
                               {"LICENSE", caller.portal.license},
                               {"LICENSE_PREVIOUS", ""},
                               {"LICENSE_TYPE", "basic"},
                               {"LICENSE_FAMILY", "basic"}}));
}

Reply Profile(Caller& caller, const Tree& /*parameters*/) {
  return Answer(PhpValue::Map({{"ID", std::to_string(caller.user_id)},
                               {"ADMIN", caller.admin},
                               {"NAME", "Klaus"},
                               {"LAST_NAME", "Weber"},
                               {"PERSONAL_GENDER", "M"},
                               {"TIME_ZONE", "Europe/Berlin"}}));
}

Reply Scope(Caller& caller, const Tree& /*parameters*/) {
  PhpValue scopes = PhpValue::Map();
  for (const char* scope : {"im", "imconnector", "imopenlines", "placement"}) {
    if (HasScope(caller.scope, scope)) scopes.Append(scope);
  }
  return Answer(std::move(scopes));
}

// Source: b24restdocs, api-reference/common/system/feature-get.md.
Reply FeatureGet(Caller& caller, const Tree& parameters) {
  const std::string code = Text(parameters, "CODE");
  if (code.empty()) return MissingArgument("CODE");
  const bool available = caller.portal.features.contains(code);
  return Answer(PhpValue::Map({{"value", available ? "Y" : "N"}}));
}

Reply List(Caller& caller, const Tree& parameters) {
  return OfflineList(caller.portal, caller.installation, parameters);
}
Reply Get(Caller& caller, const Tree& parameters) {
  return OfflineGet(caller.portal, caller.installation, parameters);
}
Reply Clear(Caller& caller, const Tree& parameters) {
  return OfflineClear(caller.portal, caller.installation, parameters);
}
Reply Error(Caller& caller, const Tree& parameters) {
  return OfflineError(caller.portal, caller.installation, parameters);
}

constexpr const char* kOpenLines = "imopenlines";

const std::map<std::string, MethodRule>& Methods() {
  static const std::map<std::string, MethodRule> kMethods = {
      {"app.info", {AppInfo}},
      {"profile", {Profile}},
      {"scope", {Scope}},
      {"feature.get", {FeatureGet}},
      {"event.bind", {EventBind}},
      {"event.unbind", {EventUnbind}},
      {"event.get", {EventGet}},
      {"event.test", {EventTest}},
      {"event.offline.list", {List, "", true}},
      {"event.offline.get", {Get, "", true}},
      {"event.offline.clear", {Clear, "", true}},
      {"event.offline.error", {Error, "", true}},
      {"imconnector.register", {ConnectorRegister, kOpenLines}},
      {"imconnector.unregister", {ConnectorUnregister, kOpenLines}},
      {"imconnector.activate", {ConnectorActivate, kOpenLines}},
      {"imconnector.connector.data.set", {ConnectorDataSet, kOpenLines}},
      {"imconnector.status", {ConnectorStatus, kOpenLines}},
      {"imconnector.list", {ConnectorList, kOpenLines}},
      {"imconnector.set.error", {ConnectorSetError, kOpenLines}},
      {"imconnector.chat.name.set", {ChatNameSet, kOpenLines}},
      {"imconnector.send.messages", {SendMessages, kOpenLines}},
      {"imconnector.update.messages", {UpdateMessages, kOpenLines}},
      {"imconnector.delete.messages", {DeleteMessages, kOpenLines}},
      {"imconnector.send.status.delivery", {StatusDelivery, kOpenLines}},
      {"imconnector.send.status.reading", {StatusReading, kOpenLines}},
      {"im.dialog.messages.get", {DialogMessages, "im"}},
      {"im.message.add", {MessageAdd, "im"}},
  };
  return kMethods;
}

}  // namespace

const MethodRule* FindMethod(const std::string& name) {
  const auto found = Methods().find(ToLower(name));
  return found == Methods().end() ? nullptr : &found->second;
}

bool HasScope(const std::string& scopes, std::string_view wanted) {
  std::size_t from = 0;
  while ((from = scopes.find_first_not_of(", \t", from)) != scopes.npos) {
    const std::size_t to = std::min(scopes.find_first_of(", \t", from), scopes.size());
    if (std::string_view(scopes).substr(from, to - from) == wanted) return true;
    from = to;
  }
  return false;
}

}  // namespace imrelay::stand_in
