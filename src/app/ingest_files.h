#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "admin/reports.h"
#include "base/result.h"
#include "ingest/ingest.h"

namespace imrelay {

// `ingest`: takes in the events of spool files, one file after the other, and tells what became of
// them; the files stay as they are. To do it again changes nothing. Output::found is false where
// something was refused, is damaged, or has to be taken in again because too much waits for proofs,
// and where a file cannot be read, is no spool file, or is being written: that is told, and the
// others are taken in. `away` is set where the database was away, with what was done until then in
// the output.
Output IngestFiles(Ingest& ingest, const std::set<std::string>& applications,
                   const std::vector<std::string>& files, OutputFormat format,
                   std::optional<Error>& away);

}  // namespace imrelay
