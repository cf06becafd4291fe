#include "tests/portal/offline_queue.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <set>
#include <vector>

#include "base/clock.h"
#include "tests/portal/cloud.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

constexpr std::size_t kPage = 50;

// As the portal's is, 32 hexadecimal digits that follow from event and data; only not by MD5.
std::string Fingerprint(const std::string& text) {
  std::string digits;
  for (const char* salt : {"a", "b"}) {
    char part[17];
    std::snprintf(part, sizeof part, "%016zx", std::hash<std::string>()(salt + text));
    digits += part;
  }
  return digits;
}

std::string Iso(std::int64_t time) {
  std::string text = FormatUtc(FromUnixSeconds(time));
  text.pop_back();
  return text + "+00:00";
}

PhpValue Describe(const OfflineRow& row) {
  return PhpValue::Map({{"ID", std::to_string(row.id)},
                        {"TIMESTAMP_X", Iso(row.time)},
                        {"EVENT_NAME", row.event},
                        {"EVENT_DATA", row.data},
                        {"EVENT_ADDITIONAL", PhpValue::Map({{"user_id", row.user_id}})},
                        {"MESSAGE_ID", row.message_id}});
}

// One condition of `filter`: an operator, a column and a value.
bool Fits(const OfflineRow& row, std::string_view condition, const std::string& value) {
  const std::size_t name = condition.find_first_not_of("<>=!");
  if (name == condition.npos) return true;
  std::string_view sign = condition.substr(0, name);
  const std::string_view column = condition.substr(name);
  int order = 0;
  if (column == "ID") {
    const std::int64_t wanted = NumberOf(value).value_or(0);
    order = row.id < wanted ? -1 : row.id > wanted ? 1 : 0;
  } else {
    const std::string own = column == "TIMESTAMP_X"  ? Iso(row.time)
                            : column == "EVENT_NAME" ? row.event
                            : column == "MESSAGE_ID" ? row.message_id
                            : column == "PROCESS_ID" ? row.process_id
                                                     : value;
    order = own.compare(value);
  }
  if (sign == "<=") return order <= 0;
  if (sign == ">=") return order >= 0;
  if (sign == "<") return order < 0;
  if (sign == ">") return order > 0;
  if (sign == "!" || sign == "!=") return order != 0;
  return order == 0;
}

bool FitsAll(const OfflineRow& row, const Tree* filter) {
  if (filter == nullptr) return true;
  return std::all_of(filter->items().begin(), filter->items().end(), [&](const Tree::Item& item) {
    if (item.second.is_text()) return Fits(row, item.first, item.second.text());
    return std::any_of(
        item.second.items().begin(), item.second.items().end(),
        [&](const Tree::Item& one) { return Fits(row, item.first, one.second.text()); });
  });
}

// The rows asked for, in the order asked for (the oldest first, else).
std::vector<OfflineRow*> Select(Installation& installation, const Tree& parameters) {
  const Tree* filter = parameters.FindAnyCase("filter");
  std::vector<OfflineRow*> rows;
  for (OfflineRow& row : installation.offline) {
    if (FitsAll(row, filter)) rows.push_back(&row);
  }
  const Tree* order = parameters.FindAnyCase("order");
  if (order != nullptr && !order->items().empty() &&
      ToUpper(order->items().front().second.text()) == "DESC") {
    std::reverse(rows.begin(), rows.end());
  }
  return rows;
}

std::set<std::string> Texts(const Tree* list) {
  std::set<std::string> texts;
  if (list == nullptr) return texts;
  if (list->is_text()) texts.insert(list->text());
  for (const auto& [key, value] : list->items()) texts.insert(value.text());
  return texts;
}

void Remove(Installation& installation, const std::function<bool(const OfflineRow&)>& which) {
  std::erase_if(installation.offline, which);
}

}  // namespace

void AddToOfflineQueue(Portal& portal, Installation& installation, const std::string& event,
                       const PhpValue& data, std::int64_t user_id,
                       const std::string& auth_connector) {
  const std::string message_id = Fingerprint(event + '|' + data.ToJson());
  for (OfflineRow& row : installation.offline) {
    if (row.message_id == message_id && row.auth_connector == auth_connector &&
        row.process_id.empty()) {
      row.time = UnixNow();
      return;
    }
  }
  installation.offline.push_back({portal.next_offline_row++,
                                  UnixNow(),
                                  event,
                                  data,
                                  user_id,
                                  message_id,
                                  auth_connector,
                                  {},
                                  false});
}

Reply OfflineList(Portal& /*portal*/, Installation& installation, const Tree& parameters) {
  const std::vector<OfflineRow*> rows = Select(installation, parameters);
  const auto start =
      static_cast<std::size_t>(std::max<std::int64_t>(0, Number(parameters, "start", 0)));
  PhpValue list = PhpValue::Map();
  for (std::size_t i = start; i < rows.size() && i < start + kPage; ++i) {
    PhpValue row = Describe(*rows[i]);
    row.Set("PROCESS_ID", rows[i]->process_id);
    row.Set("ERROR", rows[i]->error ? "1" : "0");
    list.Append(std::move(row));
  }
  Reply reply = Answer(std::move(list));
  if (start + kPage < rows.size()) reply.body.Set("next", start + kPage);
  reply.body.Set("total", rows.size());
  return reply;
}

Reply OfflineGet(Portal& portal, Installation& installation, const Tree& parameters) {
  const bool clear = Number(parameters, "clear", 1) != 0;
  const std::string reserved = Text(parameters, "process_id");
  const std::string auth_connector = Text(parameters, "auth_connector");
  const bool error = Number(parameters, "error", 0) != 0;
  const std::int64_t limit = Number(parameters, "limit", kPage);
  if (limit <= 0) return Refuse(400, "ERROR_ARGUMENT", "Value must be positive integer");
  if (!clear && !portal.features.contains("rest_offline_extended")) {
    return Refuse(403, "WRONG_LICENSE", "Extended offline events handling is not available");
  }
  if (!auth_connector.empty() && !portal.features.contains("rest_auth_connector")) {
    return Refuse(403, "WRONG_LICENSE", "auth_connector is not available");
  }
  const std::string process_id = clear ? "" : reserved.empty() ? RandomHex() : reserved;
  PhpValue events = PhpValue::Map();
  std::set<std::int64_t> given;
  for (OfflineRow* row : Select(installation, parameters)) {
    if (static_cast<std::int64_t>(given.size()) == limit) break;
    if (row->process_id != reserved || row->error != error) continue;
    if (row->auth_connector != auth_connector) continue;
    events.Append(Describe(*row));
    given.insert(row->id);
    if (!clear) row->process_id = process_id;
  }
  if (clear) Remove(installation, [&](const OfflineRow& row) { return given.contains(row.id); });
  return Answer(PhpValue::Map(
      {{"process_id", clear ? PhpValue() : PhpValue(process_id)}, {"events", std::move(events)}}));
}

Reply OfflineClear(Portal& /*portal*/, Installation& installation, const Tree& parameters) {
  const std::string process_id = Text(parameters, "process_id");
  if (process_id.empty()) return MissingArgument("process_id");
  const std::set<std::string> message_ids = Texts(parameters.FindAnyCase("message_id"));
  const std::set<std::string> ids = Texts(parameters.FindAnyCase("id"));
  for (const std::string& id : message_ids) {
    if (id.size() != 32) return Refuse(400, "ERROR_ARGUMENT", "Wrong message_id");
  }
  Remove(installation, [&](const OfflineRow& row) {
    if (row.process_id != process_id) return false;
    if (!message_ids.empty()) return message_ids.contains(row.message_id);
    return ids.empty() || ids.contains(std::to_string(row.id));
  });
  return Answer(true);
}

Reply OfflineError(Portal& /*portal*/, Installation& installation, const Tree& parameters) {
  const std::string process_id = Text(parameters, "process_id");
  const std::set<std::string> message_ids = Texts(parameters.FindAnyCase("message_id"));
  if (process_id.empty()) return MissingArgument("process_id");
  if (message_ids.empty()) return MissingArgument("message_id");
  for (OfflineRow& row : installation.offline) {
    if (row.process_id != process_id || !message_ids.contains(row.message_id)) continue;
    row.error = true;
    row.process_id.clear();
  }
  return Answer(true);
}

}  // namespace imrelay::stand_in
