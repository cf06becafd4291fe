#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace imrelay {

// What to tell somebody whose command line was refused: the option, what was given and what would be
// right. The library's own words do, but for a command.
std::string ExplainUsage(const CLI::App& app, const CLI::ParseError& error, int argc,
                         const char* const* argv);

}  // namespace imrelay
