#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "admin/reports.h"
#include "app/command_line.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {

// Where a command reads and prints.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

// Each runs one command whole and says how it ended; errors are printed, one line each. `config`
// is the value of --config.
Exit WorkerCommand(const std::string& config, const std::string& listen, Streams& streams);
Exit SpoolerCommand(const std::string& config, const std::string& listen, Streams& streams);
enum class Decoded { kTree, kEvent };
Exit DecodeCommand(Decoded what, Streams& streams);
Exit MigrateCommand(const std::string& config, bool json, Streams& streams);
Exit SealCommand(const std::string& config, Streams& streams);
Exit RotateCommand(const std::string& config, bool json, Streams& streams);
Exit RemovePortalCommand(const std::string& config, const std::string& member_id, bool json,
                         Streams& streams);

Exit IngestCommand(const std::string& config, const std::vector<std::string>& files, bool json,
                   Streams& streams);
Exit ReplayCommand(const std::string& config, EventId event, bool json, Streams& streams);

Exit ListChannelsCommand(const std::string& config, bool json, Streams& streams);
Exit ChannelOnCommand(const std::string& config, const std::string& name, bool json,
                      Streams& streams);

// Opens the configured database and prints what `report` makes of it.
Exit WithStore(const std::string& config, Streams& streams,
               const std::function<Result<Output>(SqliteStore&)>& report);

// ASCII lower case, as connectors are stored.
std::string LowerCase(std::string_view text);

}  // namespace imrelay
