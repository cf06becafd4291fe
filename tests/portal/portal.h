#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/portal/php_value.h"

namespace imrelay::stand_in {

// What a portal of the stand-in holds. Plain values; the Cloud owns and guards them.

struct Application {
  std::string name;
  std::string client_id;
  std::string client_secret;
};

// A row of b_rest_event.
struct Binding {
  std::int64_t id = 0;
  std::string event;         // upper case
  std::string handler;       // empty when it is an offline one
  std::int64_t user_id = 0;  // auth_type
  std::string auth_connector;
  bool offline = false;
  int min_timeout = 1;  // seconds; of ONOFFLINEEVENT
};

// A row of b_rest_event_offline.
struct OfflineRow {
  std::int64_t id = 0;
  std::int64_t time = 0;  // unix seconds
  std::string event;
  PhpValue data;
  std::int64_t user_id = 0;
  std::string message_id;
  std::string auth_connector;
  std::string process_id;  // empty: reserved by nobody
  bool error = false;
};

// An application in a portal.
struct Installation {
  std::string client_id;
  std::string application_token;
  std::string scope = "imconnector,imopenlines";
  std::string handler;    // where an API-only application is told of its installation
  bool installed = true;  // INSTALLED; without it no event is sent
  bool payment_expired = false;
  int version = 1;
  std::int64_t user_id = 1;  // who installed it
  std::vector<Binding> bindings;
  std::vector<OfflineRow> offline;
  std::optional<std::chrono::steady_clock::time_point> offline_told_at;
};

// A row of b_imconnectors_custom_connectors.
struct Connector {
  std::string id;  // lower case
  std::string name;
  std::string client_id;  // who registered it last
  std::string placement_handler;
  bool delete_external = true;
  bool edit_internal = true;
  bool delete_internal = true;
  bool signature = true;
  bool chat_group = false;
};

// How a connector stands on a line.
struct LineState {
  bool active = false;
  bool error = false;
  PhpValue data = PhpValue::Map();  // connector.data.set
};

struct Chat {
  std::int64_t id = 0;  // Bitrix24's
  std::string connector;
  std::int64_t line = 0;
  std::string external_id;
  std::string external_user_id;
  std::int64_t client_user_id = 0;  // the client, as a user of the portal
  std::int64_t session_id = 0;
  bool open = true;
};

struct Message {
  std::int64_t id = 0;
  std::int64_t chat_id = 0;
  std::int64_t user_id = 0;
  bool from_client = false;
  std::string text;
  PhpValue files = PhpValue::Map();
  std::vector<std::string> external_ids;  // CONNECTOR_MID
  bool sending = false;                   // not confirmed yet
  bool deleted = false;
  bool system = false;    // no person's
  bool settled = false;   // an operator has looked at it since it was confirmed
  int confirmations = 0;  // that came, whether they counted or not
  std::int64_t time = 0;
};

struct Portal {
  std::string member_id;
  std::string address;                                // host:port where it answers
  std::vector<std::string> former_addresses;          // a call to one is answered 302
  std::map<std::string, Installation> installations;  // by client_id
  std::map<std::string, Connector> connectors;
  std::map<std::pair<std::string, std::int64_t>, LineState> lines;  // connector, line
  std::map<std::int64_t, Chat> chats;
  std::map<std::int64_t, Message> messages;
  std::set<std::int64_t> connector_editors;  // users who may change connectors without being admin
  std::set<std::int64_t> outsiders;          // users who take part in no chat
  std::set<std::string> features;            // rest_offline_extended, rest_auth_connector
  std::string license = "ru_basic";
  std::string language = "en";
  bool deleted = false;
  double bucket = 0;  // how full its rate limit is
  std::chrono::steady_clock::time_point bucket_at{};
  int limit_violations = 0;
  std::size_t largest_confirmation = 0;  // messages in one call
  int stray_confirmations = 0;           // of messages that are not there

  std::int64_t next_row = 551;
  std::int64_t next_offline_row = 1;
  std::int64_t next_chat = 1807;
  std::int64_t next_message = 86497;
  std::int64_t next_client = 585;
  std::int64_t next_session = 3282;
};

}  // namespace imrelay::stand_in
