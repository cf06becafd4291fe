#include "admin/delivery_reports.h"

#include <utility>

#include "admin/table_text.h"
#include "codec/json.h"

namespace imrelay {
namespace {

// More than three days of backoff make.
constexpr int kMostAttempts = 10000;

Output Say(OutputFormat format, const char* key, std::int64_t value, const std::string& text) {
  if (format == OutputFormat::kText) return {text + '\n', true};
  JsonWriter json;
  json.BeginObject().Key(key).Integer(value).EndObject();
  return {json.Take() + '\n', true};
}

}  // namespace

Result<Output> ShowDelivery(Store& store, ReportQuery query, OutputFormat format) {
  query.what = ReportQuery::What::kDelivery;
  Result<Table> delivery = store.Report(query);
  if (!delivery) return Fail(std::move(delivery).error());
  if (delivery->rows.empty()) {
    if (format == OutputFormat::kJson) return Output{"null\n", false};
    return Output{"no delivery " + std::to_string(query.delivery_id.value_or(0)) + '\n', false};
  }
  query.what = ReportQuery::What::kAttempts;
  query.limit = kMostAttempts;
  Result<Table> attempts = store.Report(query);
  if (!attempts) return Fail(std::move(attempts).error());
  if (format == OutputFormat::kJson) {
    JsonWriter json(true);
    json.BeginObject().Key("delivery").Raw(RecordJson(*delivery, 0));
    json.Key("attempts").Raw(TableJson(*attempts)).EndObject();
    return Output{json.Take() + '\n', true};
  }
  return Output{
      RecordText(*delivery, 0) + '\n' +
          (attempts->rows.empty() ? "no attempts\n" : "attempts:\n" + TableText(*attempts)),
      true};
}

Result<Output> RetryDelivery(ChannelStore& store, DeliveryId id, TimePoint now,
                             OutputFormat format) {
  if (Status done = store.RetryDelivery(id, now); !done) return Fail(std::move(done).error());
  return Say(format, "retried", 1, "delivery " + std::to_string(id.value()) + " is due now");
}

Result<Output> RetryFailed(ChannelStore& store, const ReportQuery& which, TimePoint now,
                           OutputFormat format) {
  Result<int> retried = store.RetryFailed(which, now);
  if (!retried) return Fail(std::move(retried).error());
  return Say(format, "retried", *retried,
             std::to_string(*retried) + " failed deliveries are due now");
}

Result<Output> CancelDelivery(ChannelStore& store, DeliveryId id, TimePoint now,
                              OutputFormat format) {
  if (Status done = store.CancelDelivery(id, now); !done) return Fail(std::move(done).error());
  return Say(format, "cancelled", 1, "delivery " + std::to_string(id.value()) + " is cancelled");
}

Output ShowReplayed(EventId id, const Replayed& replayed, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    JsonWriter json;
    json.BeginObject().Key("event").Integer(id.value());
    json.Key("result").String(replayed.changed ? "applied" : "unchanged").Key("reason");
    replayed.changed ? json.Null() : json.String(replayed.reason);
    json.EndObject();
    return {json.Take() + '\n', true};
  }
  const std::string name = "event " + std::to_string(id.value());
  return {name + (replayed.changed ? ": applied" : ": nothing changed: " + replayed.reason) + '\n',
          true};
}

}  // namespace imrelay
