#include "app/usage_error.h"

#include <CLI/CLI.hpp>

namespace imrelay {

std::string ExplainUsage(const CLI::App& app, const CLI::ParseError& error, int argc,
                         const char* const* argv) {
  const CLI::App* group = &app;
  std::string path = app.get_name();
  while (!group->get_subcommands().empty()) {
    group = group->get_subcommands().front();
    path += ' ' + group->get_name();
  }
  const auto commands = group->get_subcommands([](const CLI::App*) { return true; });
  if (commands.empty()) return std::string(error.what()) + "; see " + path + " --help";
  std::string given = "nothing";
  for (int i = 1; i < argc; ++i) {
    const std::string argument(argv[i]);
    if (argument == "--config") ++i;  // its value is no command
    if (argument == group->get_name() || argument.starts_with("-")) continue;
    given = '"' + argument + '"';
    break;
  }
  std::string names;
  for (const CLI::App* command : commands) names += ' ' + command->get_name();
  const std::string where = group == &app ? "command" : group->get_name();
  return where + ": got " + given + ", takes one of:" + names;
}

}  // namespace imrelay
