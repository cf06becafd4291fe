#include "store/sqlite/report_rows.h"

namespace imrelay {
namespace {

constexpr std::int64_t kSecondsOfDay = 86400;

Statement& PrepareMessages(Database& database, const ReportQuery& query) {
  Statement& find = database.Prepare(query.external_message_id ? sql::kReportMessagesByExternalId
                                     : query.message_id        ? sql::kReportMessagesById
                                                               : sql::kReportMessages);
  find.BindOptional(query.member_id)
      .BindOptional(query.connector)
      .BindOptional(query.line_id)
      .BindOptional(query.chat_id);
  find.BindOptional(query.message_id)
      .BindOptional(query.external_chat_id)
      .BindOptional(query.external_message_id);
  return find.Bind(std::int64_t{query.limit});
}

Statement& PrepareDeliveries(Database& database, const ReportQuery& query) {
  const bool open = query.state == "pending" || query.state == "leased";
  Statement& find = database.Prepare(query.message_id          ? sql::kReportDeliveriesByMessage
                                     : query.state == "failed" ? sql::kReportDeliveriesFailed
                                     : open                    ? sql::kReportDeliveriesOpen
                                                               : sql::kReportDeliveries);
  find.BindOptional(query.member_id).BindOptional(query.line_id);
  find.BindOptional(query.kind).BindOptional(query.state).BindOptional(query.message_id);
  return find.BindOptional(query.external_message_id).Bind(std::int64_t{query.limit});
}

Statement& PrepareReport(Database& database, const ReportQuery& query) {
  const std::int64_t limit = query.limit;
  switch (query.what) {
    case ReportQuery::What::kPortals:
      return database.Prepare(sql::kReportPortals).Bind(limit);
    case ReportQuery::What::kInstalledPortals:
      return database.Prepare(sql::kReportInstalledPortals).Bind(limit);
    case ReportQuery::What::kPortal:
      return database.Prepare(sql::kReportPortal).BindOptional(query.member_id);
    case ReportQuery::What::kLines:
      return database.Prepare(sql::kReportLines).BindOptional(query.member_id).Bind(limit);
    case ReportQuery::What::kWaitingInstallations:
      return database.Prepare(sql::kReportWaitingInstallations)
          .BindOptional(query.member_id)
          .Bind(limit);
    case ReportQuery::What::kMessages:
      return PrepareMessages(database, query);
    case ReportQuery::What::kDeletions:
      return database.Prepare(sql::kReportDeletions)
          .BindOptional(query.member_id)
          .BindOptional(query.connector)
          .BindOptional(query.line_id)
          .Bind(limit);
    case ReportQuery::What::kDeliveriesOfMessage:
      return database.Prepare(sql::kReportDeliveriesOfMessage)
          .BindOptional(query.member_id)
          .BindOptional(query.message_id)
          .Bind(limit);
    case ReportQuery::What::kDeliveries:
      return PrepareDeliveries(database, query);
    case ReportQuery::What::kDelivery:
      return database.Prepare(sql::kReportDelivery).BindOptional(query.delivery_id);
    case ReportQuery::What::kAttempts:
      return database.Prepare(sql::kReportAttempts).BindOptional(query.delivery_id).Bind(limit);
    case ReportQuery::What::kAccounts:
      return database.Prepare(sql::kReportAccounts)
          .BindOptional(query.member_id)
          .Bind(UnixSeconds(query.since) / kSecondsOfDay);
    case ReportQuery::What::kEvents:
      return database.Prepare(sql::kReportEvents)
          .BindOptional(query.member_id)
          .BindOptional(query.event)
          .BindOptional(query.status)
          .Bind(limit);
    case ReportQuery::What::kEventsAfter:
      return database.Prepare(sql::kReportEventsAfter)
          .BindOptional(query.member_id)
          .BindOptional(query.event)
          .BindOptional(query.event_id)
          .Bind(limit);
    case ReportQuery::What::kEvent:
      break;
  }
  return database.Prepare(sql::kReportEvent).BindOptional(query.event_id);
}

}  // namespace

Result<Table> ReportRows(Database& database, const ReportQuery& query) {
  Statement& find = PrepareReport(database, query);
  Table table;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (table.columns.empty()) {
      for (int i = 0; i < find.columns(); ++i) table.columns.push_back(find.ColumnName(i));
    }
    if (!*row) return table;
    std::vector<Table::Cell>& cells = table.rows.emplace_back();
    for (int i = 0; i < find.columns(); ++i) {
      Table::Cell& cell = cells.emplace_back();
      cell.number = find.IsInteger(i);
      if (cell.number) {
        cell.text = std::to_string(find.Integer(i));
      } else if (!find.IsNull(i)) {
        cell.text = find.Text(i);
      }
    }
  }
}

}  // namespace imrelay
