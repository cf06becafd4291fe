#include "bitrix24/offline_methods.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "codec/ascii.h"
#include "codec/json.h"

namespace imrelay {
namespace {

tl::unexpected<CallError> Broken(const char* missing) {
  return FailCall({Fault::kLater, "broken_answer", std::string("an answer without ") + missing});
}

std::string TextOf(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindTextAnyCase(key);
  return text == nullptr ? std::string() : *text;
}

std::optional<std::int64_t> NumberIn(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

// Digits at a place of an ISO 8601 time.
std::optional<int> DigitsAt(const std::string& text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

// "+03:00", "-0330", "Z"; seconds east of UTC.
std::optional<int> OffsetIn(const std::string& zone) {
  if (zone.empty() || zone == "Z" || zone == "z") return 0;
  if (zone[0] != '+' && zone[0] != '-') return std::nullopt;
  const std::size_t minutes_at = zone.size() > 3 && zone[3] == ':' ? 4 : 3;
  const std::optional<int> hours = DigitsAt(zone, 1, 2);
  const std::optional<int> minutes = DigitsAt(zone, minutes_at, 2);
  if (!hours || !minutes || zone.size() != minutes_at + 2) return std::nullopt;
  const int offset = (*hours * 60 + *minutes) * 60;
  return zone[0] == '-' ? -offset : offset;
}

// "2026-03-17T18:16:17+03:00", the portal's own zone.
std::optional<std::int64_t> SecondsIn(const std::string& text) {
  const auto year = DigitsAt(text, 0, 4);
  const auto month = DigitsAt(text, 5, 2);
  const auto day = DigitsAt(text, 8, 2);
  const auto hour = DigitsAt(text, 11, 2);
  const auto minute = DigitsAt(text, 14, 2);
  const auto second = DigitsAt(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::optional<int> offset = OffsetIn(text.substr(19));
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + (*hour * 60 + *minute) * 60 + *second - *offset;
}

std::optional<OfflineEvent> EventIn(const Tree& row) {
  OfflineEvent event;
  const std::optional<std::int64_t> id = NumberIn(TextOf(row, "ID"));
  const std::optional<std::int64_t> written_at = SecondsIn(TextOf(row, "TIMESTAMP_X"));
  event.event = UpperAscii(TextOf(row, "EVENT_NAME"));
  if (!id || *id <= 0 || *id > kLargestOfflineId) return std::nullopt;
  if (!written_at || event.event.empty()) return std::nullopt;
  event.id = *id;
  event.written_at = *written_at;
  if (const Tree* data = row.FindAnyCase("EVENT_DATA")) event.data = *data;
  event.message_id = TextOf(row, "MESSAGE_ID");
  event.process_id = TextOf(row, "PROCESS_ID");
  return event;
}

// False when one of them cannot be told from others, or is of no time.
bool ReadRows(const Tree& list, std::vector<OfflineEvent>& events) {
  for (const auto& [index, row] : list.items()) {
    std::optional<OfflineEvent> event = EventIn(row);
    if (!event) return false;
    events.push_back(*std::move(event));
  }
  return true;
}

JsonWriter Range(const char* first_sign, std::int64_t first) {
  JsonWriter json;
  json.BeginObject().Key("filter").BeginObject();
  json.Key(std::string(first_sign) + "ID").Integer(first);
  return json;
}

void OrderById(JsonWriter& json) {
  json.Key("order").BeginObject().Key("ID").String("ASC").EndObject();
}

}  // namespace

Call ListOffline(std::int64_t after, std::int64_t until, bool reserved_only) {
  JsonWriter json = Range(">", after);
  if (until != 0) json.Key("<=ID").Integer(until);
  if (reserved_only) json.Key(">PROCESS_ID").String("");
  json.EndObject();
  OrderById(json);
  return {"event.offline.list", json.EndObject().Take()};
}

CallResultOf<OfflinePage> ReadOfflinePage(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  OfflinePage page;
  if (const Tree* result = answer->Find("result")) {
    if (result->is_text() || !ReadRows(*result, page.events)) return Broken("events");
  }
  std::sort(page.events.begin(), page.events.end(),
            [](const OfflineEvent& a, const OfflineEvent& b) { return a.id < b.id; });
  const auto count = static_cast<std::int64_t>(page.events.size());
  page.total = std::max(count, NumberIn(TextOf(*answer, "total")).value_or(0));
  return page;
}

Call TakeOffline(std::int64_t first, std::int64_t last) {
  JsonWriter json = Range(">=", first);
  json.Key("<=ID").Integer(last).EndObject();
  OrderById(json);
  json.Key("limit").Integer(kOfflinePage).Key("clear").Integer(1);
  return {"event.offline.get", json.EndObject().Take()};
}

Call ReserveOffline() {
  JsonWriter json;
  json.BeginObject();
  OrderById(json);
  json.Key("limit").Integer(kOfflinePage).Key("clear").Integer(0);
  return {"event.offline.get", json.EndObject().Take()};
}

CallResultOf<OfflineBatch> ReadOfflineBatch(const CallResult& answer) {
  if (!answer) return FailCall(answer.error());
  OfflineBatch batch;
  const Tree* result = answer->Find("result");
  if (result == nullptr) return batch;
  batch.process_id = TextOf(*result, "process_id");
  if (const Tree* events = result->FindAnyCase("events")) {
    if (events->is_text() || !ReadRows(*events, batch.events)) return Broken("events");
  }
  return batch;
}

Call ClearOffline(const std::string& process_id, const std::vector<std::int64_t>& ids) {
  JsonWriter json;
  json.BeginObject().Key("process_id").String(process_id).Key("id").BeginArray();
  for (const std::int64_t id : ids) json.Integer(id);
  return {"event.offline.clear", json.EndArray().EndObject().Take()};
}

}  // namespace imrelay
