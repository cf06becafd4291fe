#include "app/command_line.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "app/version.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/store/raw_database.h"

namespace imrelay {
namespace {

struct Ran {
  Exit exit = Exit::kDone;
  std::string out;
  std::string err;
};

Ran Run(std::vector<std::string> arguments, const std::string& input = {}) {
  std::vector<const char*> argv{"imrelay"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Ran ran;
  ran.exit = RunCommandLine(static_cast<int>(argv.size()), argv.data(), in, out, err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A configuration of its own; the commands take it by --config.
class CommandBench {
 public:
  CommandBench() { std::ofstream(config) << "[database]\nurl = \"sqlite:x.db\"\n"; }
  Ran Command(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.push_back("--config");
    arguments.push_back(config);
    return Run(std::move(arguments), input);
  }
  void Migrate() { REQUIRE(Command({"migrate"}).exit == Exit::kDone); }

  TemporaryDirectory directory;
  std::string config = directory.File("imrelay.toml");
  std::string database = directory.File("x.db");
};

TEST_CASE("command_line: help and version work everywhere") {
  CHECK(Run({"--version"}).out == std::string("imrelay ") + kVersion + '\n');
  CHECK(Run({"--version"}).exit == Exit::kDone);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{},
                                             {"worker"},
                                             {"decode"},
                                             {"migrate"},
                                             {"portal"},
                                             {"portal", "list"},
                                             {"portal", "show"},
                                             {"portal", "remove"},
                                             {"message", "find"},
                                             {"message", "show"},
                                             {"event", "list"},
                                             {"event", "show"},
                                             {"doctor"},
                                             {"key", "seal"}}) {
    for (const char* option : {"--help", "--version"}) {
      std::vector<std::string> arguments = command;
      arguments.push_back(option);
      const Ran ran = Run(arguments);
      CAPTURE(ran.err);
      CAPTURE(command.empty() ? "" : command.back());
      CAPTURE(option);
      CHECK(ran.exit == Exit::kDone);
      CHECK_FALSE(ran.out.empty());
      CHECK(ran.err.empty());
    }
    std::vector<std::string> help = command;
    help.emplace_back("--help");
    CHECK(Contains(Run(help).out, "--config"));
  }
}

TEST_CASE("command_line: wrong usage names what was given and what would be right") {
  const auto refusal = [](std::vector<std::string> arguments) {
    const Ran ran = Run(std::move(arguments));
    CHECK(ran.exit == Exit::kUsage);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("imrelay: "));
    CHECK(ran.err.ends_with("\n"));
    return ran.err;
  };

  CHECK(Contains(refusal({}), "command: got nothing, takes one of: worker spooler decode migrate"));
  CHECK(Contains(refusal({"wroker"}), "command: got \"wroker\", takes one of: worker"));
  CHECK(Contains(refusal({"queue", "list"}), "command: got \"queue\""));
  CHECK(Contains(refusal({"--config", "x.toml", "queue", "list"}), "got \"queue\""));
  CHECK(Contains(refusal({"portal"}), "portal: got nothing, takes one of: list show remove"));
  CHECK(Contains(refusal({"portal", "delete"}), "portal: got \"delete\""));
  CHECK(Contains(refusal({"portal", "show"}), "MEMBER_ID"));
  CHECK(Contains(refusal({"portal", "list", "--limit", "0"}), "--limit"));
  CHECK(Contains(refusal({"portal", "list", "--limit", "ten"}), "ten"));
  CHECK(Contains(refusal({"message", "find", "--message", "-1"}), "--message"));
  CHECK(Contains(refusal({"message", "show", "x"}), "MESSAGE_ID"));
  CHECK(Contains(refusal({"message", "find", "--chats", "1"}), "--chats"));
  CHECK(Contains(refusal({"event", "list", "--status", "done"}), "--status"));
  CHECK(Contains(refusal({"event", "list", "--status", "done"}), "applied"));
  CHECK(Contains(refusal({"event", "show", "99999999999999999999"}), "ID"));
  CHECK(Contains(refusal({"decode", "extra"}), "extra"));
  CHECK(refusal({"portal", "show"}).ends_with("; see imrelay portal show --help\n"));
  CHECK(refusal({"decode", "extra"}).ends_with("; see imrelay decode --help\n"));
}

TEST_CASE("command_line: a wrong configuration ends with 78 and changes nothing") {
  CommandBench bench;
  std::ofstream(bench.config) << "[database]\nurl = \"mysql:x\"\n";

  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"migrate"}, {"portal", "list"}, {"key", "seal"}}) {
    const Ran ran = bench.Command(command, "hush\n");
    CHECK(ran.exit == Exit::kConfiguration);
    CHECK(Contains(ran.err, "database.url = \"mysql:x\": must be sqlite:PATH"));
    CHECK(ran.out.empty());
  }
  CHECK(Run({"migrate", "--config", "/none/x.toml"}).exit == Exit::kConfiguration);
  CHECK(bench.directory.CountFiles() == 1);
}

TEST_CASE("command_line: a database that is not there ends with 69 and is not made") {
  CommandBench bench;

  const Ran ran = bench.Command({"portal", "list"});

  CHECK(ran.exit == Exit::kUnavailable);
  CHECK(Contains(ran.err, bench.database));
  CHECK(Contains(ran.err, "imrelay migrate"));
  CHECK(bench.directory.CountFiles() == 1);
}

TEST_CASE("command_line: another program's database ends with 78 and stays as it is") {
  CommandBench bench;
  REQUIRE(RawDatabase(bench.database).Execute("CREATE TABLE t (x)"));
  const std::string before = BytesOf(bench.database);

  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"migrate"}, {"portal", "list"}}) {
    const Ran ran = bench.Command(command);
    CHECK(ran.exit == Exit::kConfiguration);
    CHECK(Contains(ran.err, "another program"));
  }
  CHECK(BytesOf(bench.database) == before);
}

TEST_CASE("command_line: migrate can be repeated") {
  CommandBench bench;

  for (int i = 0; i < 2; ++i) {
    const Ran ran = bench.Command({"migrate"});
    CHECK(ran.exit == Exit::kDone);
    CHECK(ran.err.empty());
    CHECK(ran.out ==
          bench.database + ": schema " + std::to_string(SchemaVersion()) + ", current\n");
  }
  const Ran json = bench.Command({"migrate", "--json"});
  CHECK(json.out == "{\"database\":\"" + bench.database +
                        "\",\"schema\":" + std::to_string(SchemaVersion()) + "}\n");
}

TEST_CASE("command_line: lists and shows, in text and in JSON, the option where it may") {
  CommandBench bench;
  bench.Migrate();
  REQUIRE(RawDatabase(bench.database)
              .Execute("INSERT INTO portal (member_id, status) VALUES ('m1', 'active')"));

  CHECK(Contains(bench.Command({"portal", "list"}).out, "m1"));
  const Ran json = Run({"--config", bench.config, "portal", "list", "--json"});
  CHECK(json.exit == Exit::kDone);
  CHECK(Contains(json.out, "\"member_id\": \"m1\""));
  CHECK(Contains(bench.Command({"portal", "show", "m1"}).out, "status: active\n"));
  CHECK(bench.Command({"message", "find", "--json"}).out == "[]\n");
  CHECK(bench.Command({"event", "list", "--json"}).out == "[]\n");

  const Ran missing = bench.Command({"portal", "show", "m2"});
  CHECK(missing.exit == Exit::kFoundWrong);
  CHECK(Contains(missing.out + missing.err, "no such portal"));
  CHECK(bench.Command({"event", "show", "1"}).exit == Exit::kFoundWrong);
  CHECK(bench.Command({"message", "show", "1"}).exit == Exit::kFoundWrong);
}

TEST_CASE("command_line: a message is found by every filter, the connector in any case") {
  CommandBench bench;
  bench.Migrate();
  REQUIRE(
      RawDatabase(bench.database)
          .Execute("INSERT INTO portal (portal_id, member_id, status) VALUES (1, 'm1', 'active');"
                   "INSERT INTO line VALUES (1, 1, 'conn', 7, 'active', 0, 0);"
                   "INSERT INTO chat VALUES (1, 1, 'chat-1', 1807);"
                   "INSERT INTO message (message_id, line_key, part, external_message_id, chat_key,"
                   " direction, created_at) VALUES (86501, 1, 0, 'a', 1, 0, 0)"));

  const std::vector<std::string> filters[] = {{"--portal", "m1"},     {"--connector", "CONN"},
                                              {"--line", "007"},      {"--chat", "1807"},
                                              {"--message", "86501"}, {"--external-chat", "chat-1"},
                                              {"--limit", "1"},       {"--external-message", "a"}};
  const std::vector<std::string> misses[] = {
      {"--portal", "m2"},         {"--connector", "other"}, {"--line", "8"},
      {"--chat", "1808"},         {"--message", "1"},       {"--external-chat", "chat-2"},
      {"--external-message", "b"}};
  const auto find = [&](const std::vector<std::string>& filter) {
    std::vector<std::string> arguments{"message", "find", "--json"};
    arguments.insert(arguments.end(), filter.begin(), filter.end());
    const Ran ran = bench.Command(arguments);
    CHECK(ran.exit == Exit::kDone);
    return ran.out;
  };
  for (const auto& filter : filters) {
    CAPTURE(filter[0]);
    CHECK(Contains(find(filter), "\"message_id\": 86501"));
  }
  for (const auto& filter : misses) {
    CAPTURE(filter[0]);
    CHECK(find(filter) == "[]\n");
  }
  CHECK(bench.Command({"message", "show", "86501"}).exit == Exit::kDone);
}

TEST_CASE("command_line: stats of a portal that is not there says so, with 1") {
  CommandBench bench;
  bench.Migrate();
  REQUIRE(RawDatabase(bench.database).Execute("INSERT INTO portal (member_id) VALUES ('m1')"));

  CHECK(bench.Command({"stats", "--portal", "m1"}).exit == Exit::kDone);
  const Ran none = bench.Command({"stats", "--portal", "nope"});
  CHECK(none.exit == Exit::kFoundWrong);
  CHECK(none.out == "no such portal\n");
  CHECK(bench.Command({"stats", "--portal", "nope", "--json"}).exit == Exit::kFoundWrong);
}

TEST_CASE("command_line: backup names what is wrong with its file") {
  CommandBench bench;
  bench.Migrate();

  const Ran empty = bench.Command({"backup", ""});
  CHECK(empty.exit == Exit::kUsage);
  CHECK(empty.err == "imrelay: backup: FILE is empty; name a new file\n");
  const std::string file = bench.directory.File("none/a.db");
  const Ran nowhere = bench.Command({"backup", file});
  CHECK(nowhere.exit == Exit::kUnavailable);
  CHECK(nowhere.err == "imrelay: backup: " + file + ": there is no directory " +
                           bench.directory.File("none") + "; make it, or name a file in another\n");
}

TEST_CASE("command_line: portal remove removes, once") {
  CommandBench bench;
  bench.Migrate();
  REQUIRE(RawDatabase(bench.database).Execute("INSERT INTO portal (member_id) VALUES ('m1')"));

  const Ran removed = bench.Command({"portal", "remove", "m1"});
  CHECK(removed.exit == Exit::kDone);
  CHECK(removed.out == "removed portal m1 with its tokens and messages\n");
  const Ran again = bench.Command({"portal", "remove", "m1"});
  CHECK(again.exit == Exit::kFoundWrong);
  CHECK(again.err == "imrelay: no portal m1\n");
}

TEST_CASE("command_line: key seal prints what the configuration takes") {
  CommandBench bench;
  bench.Migrate();

  const Ran first = bench.Command({"key", "seal"}, "whsec_1\nignored\n");
  const Ran second = bench.Command({"key", "seal"}, "whsec_1");

  CHECK(first.exit == Exit::kDone);
  CHECK(first.out.starts_with("sealed:"));
  CHECK_FALSE(Contains(first.out, "whsec_1"));
  CHECK(first.out != second.out);
  const Ran empty = bench.Command({"key", "seal"}, "\n");
  CHECK(empty.exit == Exit::kUsage);
  CHECK(empty.out.empty());
}

TEST_CASE("command_line: decode prints the tree of a form as PHP reads it") {
  const Ran ran = Run({"decode"}, "event=X&data%5BMESSAGES%5D[0][id]=1&data[LINE]=7&a[]=x+y");

  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.err.empty());
  CHECK(ran.out == R"({
  "event": "X",
  "data": {
    "MESSAGES": [
      {
        "id": "1"
      }
    ],
    "LINE": "7"
  },
  "a": [
    "x y"
  ]
}
)");
}

TEST_CASE("command_line: decode prints the same tree of JSON") {
  const Ran form = Run({"decode"}, "data[LINE]=7&data[ok]=1");
  const Ran json = Run({"decode"}, " \n{\"data\": {\"LINE\": 7, \"ok\": true, \"no\": null}}");

  CHECK(json.exit == Exit::kDone);
  CHECK(json.out == form.out);
}

TEST_CASE("command_line: decode --event prints the typed event without tokens") {
  const std::string body =
      "event=onImConnectorMessageDelete&data[CONNECTOR]=C&data[LINE]=7"
      "&data[MESSAGES][0][im][chat_id]=1807&data[MESSAGES][0][im][message_id]=86501"
      "&data[MESSAGES][0][chat][id]=x&data[MESSAGES][0][message][id]=y"
      "&auth[member_id]=m1&auth[application_token]=hush";

  const Ran ran = Run({"decode", "--event"}, body);

  CHECK(ran.exit == Exit::kDone);
  CHECK(Contains(ran.out, "ONIMCONNECTORMESSAGEDELETE"));
  CHECK(Contains(ran.out, "86501"));
  CHECK_FALSE(Contains(ran.out, "hush"));
}

TEST_CASE("command_line: decode says what is wrong with a body, with 1") {
  const auto wrong = [](const std::string& body, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"decode"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = Run(arguments, body);
    CHECK(ran.exit == Exit::kFoundWrong);
    return ran.err;
  };

  CHECK(wrong("{\"a\": ").starts_with("imrelay: "));
  CHECK(wrong("a[b][c][d][e][f][g][h][i][j][k][l][m][n][o][p][q]=1").starts_with("imrelay: "));
  CHECK(wrong(std::string((1 << 20) + 1, 'a')).starts_with("imrelay: "));
  CHECK(wrong("data=1", {"--event"}).starts_with("imrelay: "));
  // An event of no use is shown all the same.
  CHECK(wrong("event=ONIMCONNECTORMESSAGEDELETE", {"--event"}).empty());
  CHECK(Run({"decode"}, std::string(1 << 20, 'a')).exit == Exit::kDone);
  CHECK(Run({"decode"}, "").out == "[]\n");
}

}  // namespace
}  // namespace imrelay
