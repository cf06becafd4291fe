#pragma once

#include <string>

#include "base/result.h"
#include "store/store.h"

namespace imrelay {

enum class OutputFormat { kText, kJson };

// What a command prints, and whether it found what it was asked for.
struct Output {
  std::string text;
  bool found = true;
};

// `portal list`, `message find`, `event list`: the rows that match.
// Errors: the store's.
Result<Output> ListReport(Store& store, const ReportQuery& query, OutputFormat format);

// `portal show`, `event show`: one row, whole. `missing` is printed when there is none.
Result<Output> ShowReport(Store& store, const ReportQuery& query, OutputFormat format,
                          const std::string& missing);

// `message show`: the rows of one message and its deliveries.
Result<Output> ShowMessage(Store& store, ReportQuery query, OutputFormat format);

// `portal remove`. Errors: kNotFound, naming the portal; the store's.
Result<Output> RemovePortal(Store& store, const MemberId& member_id, TimePoint now,
                            OutputFormat format);

}  // namespace imrelay
