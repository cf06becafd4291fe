// What the control calls show of the stand-in's state. No token is in it.
#include <algorithm>

#include "tests/portal/control.h"

namespace imrelay::stand_in {
namespace {

PhpValue Describe(const Installation& installation) {
  PhpValue bindings = PhpValue::Map();
  for (const Binding& binding : installation.bindings) {
    bindings.Append(PhpValue::Map({{"id", binding.id},
                                   {"event", binding.event},
                                   {"handler", binding.handler},
                                   {"auth_type", binding.user_id},
                                   {"auth_connector", binding.auth_connector},
                                   {"offline", binding.offline}}));
  }
  PhpValue offline = PhpValue::Map();
  for (const OfflineRow& row : installation.offline) {
    offline.Append(PhpValue::Map({{"id", row.id},
                                  {"event", row.event},
                                  {"data", row.data},
                                  {"message_id", row.message_id},
                                  {"reserved", !row.process_id.empty()},
                                  {"error", row.error}}));
  }
  return PhpValue::Map({{"client_id", installation.client_id},
                        {"installed", installation.installed},
                        {"payment_expired", installation.payment_expired},
                        {"version", installation.version},
                        {"scope", installation.scope},
                        {"bindings", std::move(bindings)},
                        {"offline", std::move(offline)}});
}

PhpValue Describe(const Connector& connector) {
  return PhpValue::Map({{"id", connector.id},
                        {"name", connector.name},
                        {"client_id", connector.client_id},
                        {"placement_handler", connector.placement_handler},
                        {"DEL_EXTERNAL_MESSAGES", connector.delete_external},
                        {"EDIT_INTERNAL_MESSAGES", connector.edit_internal},
                        {"DEL_INTERNAL_MESSAGES", connector.delete_internal},
                        {"NEED_SIGNATURE", connector.signature},
                        {"CHAT_GROUP", connector.chat_group}});
}

PhpValue Describe(const Portal& portal, const Message& message) {
  const Chat& chat = portal.chats.at(message.chat_id);
  PhpValue ids = PhpValue::Map();
  for (const std::string& id : message.external_ids) ids.Append(id);
  return PhpValue::Map({{"message_id", message.id},
                        {"chat_id", message.chat_id},
                        {"connector", chat.connector},
                        {"line", chat.line},
                        {"chat", chat.external_id},
                        {"from_client", message.from_client},
                        {"text", message.text},
                        {"external_ids", std::move(ids)},
                        {"system", message.system},
                        {"confirmed", !message.sending && !message.from_client},
                        {"confirmations", message.confirmations},
                        {"deleted", message.deleted}});
}

}  // namespace

Reply DescribePortal(Cloud& cloud, const std::string& member_id) {
  const Portal* portal = cloud.FindPortal(member_id);
  if (portal == nullptr) return Refuse(404, "no_portal", "There is no such portal");
  PhpValue installations = PhpValue::Map();
  for (const auto& [id, one] : portal->installations) installations.Append(Describe(one));
  PhpValue connectors = PhpValue::Map();
  for (const auto& [id, one] : portal->connectors) connectors.Append(Describe(one));
  PhpValue lines = PhpValue::Map();
  for (const auto& [place, state] : portal->lines) {
    lines.Append(PhpValue::Map({{"connector", place.first},
                                {"line", place.second},
                                {"active", state.active},
                                {"error", state.error},
                                {"data", state.data}}));
  }
  PhpValue messages = PhpValue::Map();
  for (const auto& [id, one] : portal->messages) messages.Append(Describe(*portal, one));
  PhpValue features = PhpValue::Map();
  for (const std::string& feature : portal->features) features.Append(feature);
  return Reply{200, PhpValue::Map({{"member_id", member_id},
                                   {"client_endpoint", cloud.ClientEndpoint(*portal)},
                                   {"deleted", portal->deleted},
                                   {"features", std::move(features)},
                                   {"refreshes", cloud.ledger.RefreshCount(member_id)},
                                   {"limit_violations", portal->limit_violations},
                                   {"largest_confirmation", portal->largest_confirmation},
                                   {"stray_confirmations", portal->stray_confirmations},
                                   {"installations", std::move(installations)},
                                   {"connectors", std::move(connectors)},
                                   {"lines", std::move(lines)},
                                   {"messages", std::move(messages)}})};
}

PhpValue DescribeLog(const Cloud& cloud) {
  PhpValue log = PhpValue::Map();
  for (const SeenCall& seen : cloud.seen) {
    log.Append(PhpValue::Map({{"method", seen.method},
                              {"path", seen.path},
                              {"secret", seen.secret},
                              {"status", seen.status},
                              {"member_id", seen.member_id},
                              {"rest_method", seen.rest_method},
                              {"error", seen.error},
                              {"fault", seen.fault}}));
  }
  return log;
}

}  // namespace imrelay::stand_in
