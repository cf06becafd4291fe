#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace imrelay {

enum class LogLevel { kInfo, kWarning, kError };

// One `name=value` of a log line.
using LogField = std::pair<std::string_view, std::string>;

// Writes one line to standard error: time, level, what happened, then the fields as logfmt:
//   2026-03-17T15:16:17.123Z info event status=accepted event=ONIMCONNECTORMESSAGEDELETE
// Values with blanks, quotes or control characters are quoted and escaped, so a hostile value
// cannot start a line or a field of its own; values are cut at 200 bytes. Thread-safe.
// Called once for a thing that happened, at the top: by the request handler, by a loop, by a
// command. Never given a token or the text of a message.
void Log(LogLevel level, std::string_view what, std::initializer_list<LogField> fields);

// The escaped form of one value, as Log writes it.
std::string LogValue(std::string_view value);

}  // namespace imrelay
