#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/delivery_reports.h"
#include "admin/table_text.h"
#include "codec/json.h"

namespace imrelay {
namespace {

// The columns that name a row stand before these.
constexpr std::size_t kNames = 4;

// A group of columns: what was received, and the ends that must add up to it.
struct Account {
  std::string_view received;  // the name of the column; those of its ends begin with it and "_"
  std::size_t column = 0;
  std::vector<std::size_t> ends;
};

std::int64_t NumberIn(const Table::Cell& cell) {
  std::int64_t value = 0;
  const std::string text = cell.text.value_or("0");
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Account AccountOf(const Table& table, std::string_view received) {
  Account account{received, 0, {}};
  for (std::size_t i = kNames; i < table.columns.size(); ++i) {
    if (table.columns[i] == received) account.column = i;
    if (table.columns[i].starts_with(std::string(received) + '_')) account.ends.push_back(i);
  }
  return account;
}

bool IsBalanced(const std::vector<Table::Cell>& row, const Account& account) {
  std::int64_t ended = 0;
  for (const std::size_t column : account.ends) ended += NumberIn(row[column]);
  return ended == NumberIn(row[account.column]);
}

// One row of the sums of all.
Table TotalsOf(const Table& table) {
  Table totals;
  std::vector<Table::Cell>& row = totals.rows.emplace_back();
  for (std::size_t i = kNames; i < table.columns.size(); ++i) {
    std::int64_t sum = 0;
    for (const auto& one : table.rows) sum += NumberIn(one[i]);
    totals.columns.push_back(table.columns[i]);
    row.push_back({std::to_string(sum), true});
  }
  return totals;
}

// The part of the rows that an account is about, with a line of totals; "" where there is nothing.
std::string TextOf(const Table& table, const Account& account, std::string_view title,
                   const char* extra) {
  std::vector<std::size_t> columns{account.column};
  columns.insert(columns.end(), account.ends.begin(), account.ends.end());
  for (std::size_t i = kNames; i < table.columns.size(); ++i) {
    if (table.columns[i] == extra) columns.push_back(i);
  }
  Table part;
  part.columns.assign(table.columns.begin(), table.columns.begin() + kNames);
  for (const std::size_t column : columns) {
    const std::string& name = table.columns[column];
    const bool is_end = name.starts_with(std::string(account.received) + '_');
    part.columns.push_back(is_end                     ? name.substr(account.received.size() + 1)
                           : column == account.column ? "received"
                                                      : name);
  }
  std::vector<std::int64_t> sums(columns.size(), 0);
  for (const auto& row : table.rows) {
    std::vector<Table::Cell> cells(row.begin(), row.begin() + kNames);
    bool any = false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::int64_t value = NumberIn(row[columns[i]]);
      any = any || value != 0;
      sums[i] += value;
      cells.push_back(row[columns[i]]);
    }
    if (any) part.rows.push_back(std::move(cells));
  }
  std::vector<Table::Cell>& totals = part.rows.emplace_back(kNames);
  totals[0].text = "total";
  for (const std::int64_t sum : sums) totals.push_back({std::to_string(sum), true});
  return std::string(title) + ":\n" + TableText(part);
}

// One line a row whose account does not add up.
std::string ProblemsOf(const Table& table, const std::vector<Account>& accounts) {
  std::string problems;
  for (const auto& row : table.rows) {
    for (const Account& account : accounts) {
      if (IsBalanced(row, account)) continue;
      std::string where;
      for (std::size_t i = 0; i < kNames; ++i) where += ' ' + row[i].text.value_or("-");
      problems += Printable("wrong:" + where + ": " + row[account.column].text.value_or("0") + ' ' +
                            std::string(account.received) +
                            " were received, which is not the sum of their ends") +
                  '\n';
    }
  }
  return problems;
}

}  // namespace

Result<Output> ShowAccounts(Store& store, ReportQuery query, OutputFormat format) {
  query.what = ReportQuery::What::kAccounts;
  Result<Table> table = store.Report(query);
  if (!table) return Fail(std::move(table).error());
  if (query.member_id && table->rows.empty()) {
    query.what = ReportQuery::What::kPortal;
    Result<Output> portal = ShowReport(store, query, format, "no such portal");
    if (!portal || !portal->found) return portal;
  }
  const std::vector<Account> accounts{AccountOf(*table, "deletions"), AccountOf(*table, "messages"),
                                      AccountOf(*table, "first_seen")};
  const std::string problems = ProblemsOf(*table, accounts);
  const bool balanced = problems.empty();
  if (format == OutputFormat::kJson) {
    JsonWriter json(true);
    json.BeginObject().Key("rows").Raw(TableJson(*table));
    json.Key("totals").Raw(RecordJson(TotalsOf(*table), 0));
    json.Key("balanced").Bool(balanced).EndObject();
    return Output{json.Take() + '\n', balanced};
  }
  return Output{
      TextOf(*table, accounts[0], "deletions", "") + '\n' +
          TextOf(*table, accounts[1], "messages", "undeletable") + '\n' +
          TextOf(*table, accounts[2], "deletions, by what saw them first", "webhook_missed") +
          '\n' + (balanced ? "received is the sum of its ends everywhere\n" : problems),
      balanced};
}

}  // namespace imrelay
