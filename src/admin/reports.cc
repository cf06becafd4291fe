#include "admin/reports.h"

#include <utility>

#include "admin/table_text.h"
#include "codec/json.h"

namespace imrelay {

Result<Output> ListReport(Store& store, const ReportQuery& query, OutputFormat format) {
  Result<Table> table = store.Report(query);
  if (!table) return Fail(std::move(table).error());
  return Output{format == OutputFormat::kJson ? TableJson(*table) : TableText(*table), true};
}

Result<Output> ShowReport(Store& store, const ReportQuery& query, OutputFormat format,
                          const std::string& missing) {
  Result<Table> table = store.Report(query);
  if (!table) return Fail(std::move(table).error());
  if (table->rows.empty()) {
    return Output{format == OutputFormat::kJson ? "null\n" : missing + '\n', false};
  }
  return Output{format == OutputFormat::kJson ? RecordJson(*table, 0) : RecordText(*table, 0),
                true};
}

Result<Output> ShowMessage(Store& store, ReportQuery query, OutputFormat format) {
  query.what = ReportQuery::What::kMessages;
  Result<Table> rows = store.Report(query);
  if (!rows) return Fail(std::move(rows).error());
  query.what = ReportQuery::What::kDeliveriesOfMessage;
  Result<Table> deliveries = store.Report(query);
  if (!deliveries) return Fail(std::move(deliveries).error());
  const bool found = !rows->rows.empty();
  if (format == OutputFormat::kJson) {
    JsonWriter json(true);
    json.BeginObject().Key("rows").Raw(TableJson(*rows));
    json.Key("deliveries").Raw(TableJson(*deliveries)).EndObject();
    return Output{json.Take() + '\n', found};
  }
  if (!found) return Output{"no message " + std::to_string(*query.message_id) + '\n', false};
  std::string text;
  for (std::size_t row = 0; row < rows->rows.size(); ++row) {
    text += RecordText(*rows, row) + '\n';
  }
  text += deliveries->rows.empty() ? "no deliveries\n" : "deliveries:\n" + TableText(*deliveries);
  return Output{std::move(text), true};
}

Result<Output> RemovePortal(Store& store, const MemberId& member_id, TimePoint now,
                            OutputFormat format) {
  if (Status removed = store.RemovePortal(member_id, now); !removed) {
    return Fail(std::move(removed).error());
  }
  if (format == OutputFormat::kJson) {
    JsonWriter json;
    json.BeginObject().Key("removed").String(member_id.value()).EndObject();
    return Output{json.Take() + '\n', true};
  }
  return Output{"removed portal " + member_id.value() + " with its tokens and messages\n", true};
}

}  // namespace imrelay
