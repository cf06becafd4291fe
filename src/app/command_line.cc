#include "app/command_line.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "admin/delivery_reports.h"
#include "admin/reports.h"
#include "app/backup_command.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/doctor.h"
#include "app/usage_error.h"
#include "app/version.h"
#include "app/whole_number.h"

namespace imrelay {
namespace {

constexpr const char* kEveryCommand = "Every command takes --config FILE too: see imrelay --help";

// What the options of all commands are read into.
struct Options {
  std::string config;
  bool json = false;
  bool event = false;
  bool fix = false;
  BackupOptions backup;
  std::string listen;
  std::string member_id;
  std::string connector;
  std::string channel;
  std::vector<std::string> files;
  bool failed = false;
  int days = 30;
  ReportQuery query;
};

OutputFormat FormatOf(const Options& options) {
  return options.json ? OutputFormat::kJson : OutputFormat::kText;
}

using Command = std::function<Exit(const Options&, Streams&)>;

class Parser {
 public:
  Parser() : app_("Durable relay between Bitrix24 open lines and your own channel", "imrelay") {
    app_.set_version_flag("--version", std::string("imrelay ") + kVersion);
    app_.add_option("--config", options_.config,
                    "TOML file; default /etc/imrelay/imrelay.toml if it is there");
    app_.require_subcommand(1);
    app_.fallthrough();
    AddService();
    AddPortal();
    AddMessage();
    AddEvent();
    AddDelivery();
    AddChannel();
    AddStats();
    AddBackup();
  }

  Exit Run(int argc, const char* const* argv, Streams& streams) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) {
        app_.exit(error, streams.out, streams.err);
        return Exit::kDone;
      }
      streams.err << "imrelay: " << ExplainUsage(app_, error, argc, argv) << '\n';
      return Exit::kUsage;
    }
    if (!options_.connector.empty()) options_.query.connector = LowerCase(options_.connector);
    return run_(options_, streams);
  }

 private:
  CLI::App* Add(CLI::App& parent, const char* name, const char* does, Command command) {
    CLI::App* added = parent.add_subcommand(name, does);
    added->fallthrough();
    added->footer(kEveryCommand);
    added->callback([this, command = std::move(command)] { run_ = command; });
    return added;
  }

  CLI::App* Group(const char* name, const char* does) {
    CLI::App* group = app_.add_subcommand(name, does);
    group->require_subcommand(1);
    group->fallthrough();
    group->footer(kEveryCommand);
    return group;
  }

  void AddJson(CLI::App* command) { command->add_flag("--json", options_.json, "print JSON"); }

  void AddFilter(CLI::App* command, const char* name, std::optional<std::string>& into,
                 const char* what) {
    command->add_option(name, into, what);
  }

  void AddNumber(CLI::App* command, const char* name, std::optional<std::int64_t>& into,
                 const char* what) {
    command
        ->add_option_function<std::string>(
            name, [&into](const std::string& text) { into = WholeNumber(text); }, what)
        ->check(CLI::Validator(
            [](const std::string& text) {
              return WholeNumber(text) ? std::string()
                                       : "got \"" + text + "\", takes a whole number from 0 on";
            },
            ""))
        ->type_name("NUMBER");
  }

  void AddLimit(CLI::App* command) {
    command->add_option("--limit", options_.query.limit, "rows at most, newest first; 50")
        ->check(CLI::Range(1, 1'000'000));
  }

  void AddService();
  void AddPortal();
  void AddMessage();
  void AddEvent();
  void AddDelivery();
  void AddChannel();
  void AddRetry(CLI::App& delivery);
  void AddStats();
  void AddBackup();
  void AddDeliveryId(CLI::App* command);
  Command Report(ReportQuery::What what, bool one, const char* missing);

  CLI::App app_;
  Options options_;
  Command run_;
};

void Parser::AddService() {
  CLI::App* worker = Add(app_, "worker", "run the FastCGI worker on the inherited socket",
                         [](const Options& options, Streams& streams) {
                           return WorkerCommand(options.config, options.listen, streams);
                         });
  CLI::App* spooler = Add(app_, "spooler", "keep events on disk while no worker answers",
                          [](const Options& options, Streams& streams) {
                            return SpoolerCommand(options.config, options.listen, streams);
                          });
  for (CLI::App* serving : {worker, spooler}) {
    serving->add_option("--listen", options_.listen, "open a socket: unix:PATH or HOST:PORT");
  }
  CLI::App* decode =
      Add(app_, "decode", "print what a request body on standard input decodes to",
          [](const Options& options, Streams& streams) {
            return DecodeCommand(options.event ? Decoded::kEvent : Decoded::kTree, streams);
          });
  decode->add_flag("--event", options_.event, "print the typed event instead of the tree");
  AddJson(decode);
  CLI::App* migrate = Add(app_, "migrate", "bring the database to this version's schema",
                          [](const Options& options, Streams& streams) {
                            return MigrateCommand(options.config, options.json, streams);
                          });
  AddJson(migrate);
  CLI::App* doctor =
      Add(app_, "doctor", "check everything from Bitrix24's button to the database",
          [](const Options& options, Streams& streams) {
            return DoctorCommand(options.config, {options.fix, options.json}, streams);
          });
  doctor->add_flag("--fix", options_.fix, "do what is safe about it, and say what was done");
  AddJson(doctor);
  CLI::App* ingest =
      Add(app_, "ingest", "take in events from spool files; safe to repeat",
          [](const Options& options, Streams& streams) {
            return IngestCommand(options.config, options.files, options.json, streams);
          });
  ingest->add_option("FILE", options_.files, "spool files; they stay where they are")->required();
  AddJson(ingest);
  CLI::App* key = Group("key", "the encryption key");
  Add(*key, "seal", "encrypt a secret on standard input for the configuration",
      [](const Options& options, Streams& streams) {
        return SealCommand(options.config, streams);
      });
  CLI::App* rotate =
      Add(*key, "rotate", "make a new key and seal every token anew; workers go on meanwhile",
          [](const Options& options, Streams& streams) {
            return RotateCommand(options.config, options.json, streams);
          });
  AddJson(rotate);
}

Command Parser::Report(ReportQuery::What what, bool one, const char* missing) {
  return [what, one, missing](const Options& options, Streams& streams) {
    ReportQuery query = options.query;
    query.what = what;
    if (!options.member_id.empty()) query.member_id = options.member_id;
    const OutputFormat format = FormatOf(options);
    return WithStore(options.config, streams, [&](Store& store) {
      return one ? ShowReport(store, query, format, missing) : ListReport(store, query, format);
    });
  };
}

void Parser::AddPortal() {
  CLI::App* portal = Group("portal", "the portals that installed the application");
  CLI::App* list =
      Add(*portal, "list", "list them", Report(ReportQuery::What::kPortals, false, ""));
  AddJson(list);
  AddLimit(list);
  CLI::App* show =
      Add(*portal, "show", "show one", Report(ReportQuery::What::kPortal, true, "no such portal"));
  show->add_option("MEMBER_ID", options_.member_id, "its member_id")->required();
  AddJson(show);
  CLI::App* remove =
      Add(*portal, "remove", "remove one with its tokens, messages and events",
          [](const Options& options, Streams& streams) {
            return RemovePortalCommand(options.config, options.member_id, options.json, streams);
          });
  remove->add_option("MEMBER_ID", options_.member_id, "its member_id")->required();
  AddJson(remove);
}

void Parser::AddMessage() {
  ReportQuery& query = options_.query;
  CLI::App* message = Group("message", "the mapping between Bitrix24 and the channel");
  CLI::App* find = Add(*message, "find", "list rows of the mapping",
                       Report(ReportQuery::What::kMessages, false, ""));
  AddFilter(find, "--portal", query.member_id, "the portal's member_id");
  find->add_option("--connector", options_.connector, "the connector's id");
  AddNumber(find, "--line", query.line_id, "the open line");
  AddNumber(find, "--chat", query.chat_id, "the chat in Bitrix24");
  AddNumber(find, "--message", query.message_id, "the message in Bitrix24");
  AddFilter(find, "--external-chat", query.external_chat_id, "the chat in the channel");
  AddFilter(find, "--external-message", query.external_message_id, "the message in the channel");
  AddLimit(find);
  AddJson(find);
  CLI::App* show = Add(*message, "show", "show one message's rows and deliveries",
                       [](const Options& options, Streams& streams) {
                         return WithStore(options.config, streams, [&](Store& store) {
                           return ShowMessage(store, options.query, FormatOf(options));
                         });
                       });
  AddNumber(show, "MESSAGE_ID", query.message_id, "the message in Bitrix24");
  show->get_option("MESSAGE_ID")->required();
  AddFilter(show, "--portal", query.member_id, "the portal's member_id");
  AddJson(show);
}

void Parser::AddEvent() {
  ReportQuery& query = options_.query;
  CLI::App* event = Group("event", "the journal of what was posted");
  CLI::App* list =
      Add(*event, "list", "list events", Report(ReportQuery::What::kEvents, false, ""));
  AddFilter(list, "--portal", query.member_id, "the portal's member_id");
  AddFilter(list, "--event", query.event, "the event's name");
  list->add_option("--status", query.status, "applied, waiting, ignored or rejected")
      ->check(CLI::IsMember({"applied", "waiting", "ignored", "rejected"}));
  AddLimit(list);
  AddJson(list);
  CLI::App* show = Add(*event, "show", "show one event with its body",
                       Report(ReportQuery::What::kEvent, true, "no such event"));
  AddNumber(show, "ID", query.event_id, "the event's number, as event list shows it");
  show->get_option("ID")->required();
  AddJson(show);
  CLI::App* replay = Add(*event, "replay", "apply an ignored or applied event once more",
                         [](const Options& options, Streams& streams) {
                           return ReplayCommand(options.config, EventId(*options.query.event_id),
                                                options.json, streams);
                         });
  AddNumber(replay, "ID", query.event_id, "the event's number, as event list shows it");
  replay->get_option("ID")->required();
  AddJson(replay);
}

void Parser::AddDeliveryId(CLI::App* command) {
  AddNumber(command, "ID", options_.query.delivery_id,
            "the delivery's number, as delivery list shows it");
  command->get_option("ID")->required();
  AddJson(command);
}

void Parser::AddDelivery() {
  ReportQuery& query = options_.query;
  CLI::App* delivery = Group("delivery", "what is to be sent, and what became of it");
  CLI::App* list =
      Add(*delivery, "list", "list deliveries", Report(ReportQuery::What::kDeliveries, false, ""));
  AddFilter(list, "--portal", query.member_id, "the portal's member_id");
  list->add_option("--state", query.state, "pending, leased, done, failed or cancelled")
      ->check(CLI::IsMember({"pending", "leased", "done", "failed", "cancelled"}));
  AddFilter(list, "--kind", query.kind, "message.created, message.deleted, confirm and so on");
  AddNumber(list, "--line", query.line_id, "the open line");
  AddNumber(list, "--message", query.message_id, "the message in Bitrix24");
  AddFilter(list, "--external-message", query.external_message_id, "the message in the channel");
  AddLimit(list);
  AddJson(list);
  AddDeliveryId(Add(*delivery, "show", "show one delivery and every attempt to send it",
                    [](const Options& options, Streams& streams) {
                      return WithStore(options.config, streams, [&](Store& store) {
                        return ShowDelivery(store, options.query, FormatOf(options));
                      });
                    }));
  AddRetry(*delivery);
  AddDeliveryId(Add(*delivery, "cancel", "end one that is pending or failed",
                    [](const Options& options, Streams& streams) {
                      return WithStore(options.config, streams, [&](ChannelStore& store) {
                        return CancelDelivery(store, DeliveryId(*options.query.delivery_id),
                                              SystemClock().Now(), FormatOf(options));
                      });
                    }));
}

void Parser::AddRetry(CLI::App& delivery) {
  ReportQuery& query = options_.query;
  CLI::App* retry =
      Add(delivery, "retry", "send a failed one again, or all failed ones",
          [](const Options& options, Streams& streams) {
            const std::optional<std::int64_t>& id = options.query.delivery_id;
            if (id.has_value() == options.failed) {
              streams.err << "imrelay: delivery retry takes either an ID or --failed\n";
              return Exit::kUsage;
            }
            return WithStore(options.config, streams, [&](ChannelStore& store) {
              const TimePoint now = SystemClock().Now();
              return id ? RetryDelivery(store, DeliveryId(*id), now, FormatOf(options))
                        : RetryFailed(store, options.query, now, FormatOf(options));
            });
          });
  AddNumber(retry, "ID", query.delivery_id, "the delivery's number, as delivery list shows it");
  CLI::Option* failed =
      retry->add_flag("--failed", options_.failed, "all failed ones that match the rest");
  AddFilter(retry, "--portal", query.member_id, "the portal's member_id");
  AddNumber(retry, "--line", query.line_id, "the open line");
  AddFilter(retry, "--kind", query.kind, "message.created, message.deleted, confirm and so on");
  for (const char* filter : {"--portal", "--line", "--kind"}) {
    retry->get_option(filter)->needs(failed);
  }
  AddJson(retry);
}

void Parser::AddStats() {
  CLI::App* stats =
      Add(app_, "stats", "what was received by portal, line and day, and how it ended",
          [](const Options& options, Streams& streams) {
            ReportQuery query = options.query;
            query.since = SystemClock().Now() - std::chrono::days(options.days - 1);
            return WithStore(options.config, streams, [&](Store& store) {
              return ShowAccounts(store, query, FormatOf(options));
            });
          });
  AddFilter(stats, "--portal", options_.query.member_id, "the portal's member_id");
  stats->add_option("--days", options_.days, "the last so many days, by UTC; 30")
      ->check(CLI::Range(1, 36'500));
  AddJson(stats);
}

void Parser::AddBackup() {
  CLI::App* backup = Add(app_, "backup", "copy the database into a new file, while it is in use",
                         [](const Options& options, Streams& streams) {
                           BackupOptions asked = options.backup;
                           asked.json = options.json;
                           return BackupCommand(options.config, asked, streams);
                         });
  backup->add_option("FILE", options_.backup.file, "the copy; must not be there yet")->required();
  backup->add_flag("--whole", options_.backup.whole,
                   "check the copy by integrity_check: each index against its table, too");
  AddJson(backup);
}

void Parser::AddChannel() {
  CLI::App* channel = Group("channel", "the channels that messages go to");
  AddJson(Add(*channel, "list", "list them with the state of their endpoints",
              [](const Options& options, Streams& streams) {
                return ListChannelsCommand(options.config, options.json, streams);
              }));
  CLI::App* on =
      Add(*channel, "on", "call an endpoint again that is off or failed",
          [](const Options& options, Streams& streams) {
            return ChannelOnCommand(options.config, options.channel, options.json, streams);
          });
  on->add_option("NAME", options_.channel, "the [[line]]'s name; default: the one of [channel]")
      ->required();
  AddJson(on);
}

}  // namespace

Exit RunCommandLine(int argc, const char* const* argv, std::istream& in, std::ostream& out,
                    std::ostream& err) {
  Streams streams{in, out, err};
  return Parser().Run(argc, argv, streams);
}

}  // namespace imrelay
