#include "app/commands.h"

#include <istream>
#include <ostream>
#include <utility>

#include "admin/delivery_reports.h"
#include "app/channel_commands.h"
#include "app/config.h"
#include "app/fastcgi_process.h"
#include "app/ingest_files.h"
#include "app/key_rotation.h"
#include "app/service.h"
#include "app/spooler.h"
#include "app/worker.h"
#include "codec/body.h"
#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "ingest/ingest.h"
#include "recovery/replay.h"
#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"

namespace imrelay {
namespace {

Exit Print(const Error& error, Exit exit, Streams& streams) {
  streams.err << "imrelay: " << error.message << '\n';
  return exit;
}

// How a command ends that could not do its work.
Exit ExitOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return Exit::kConfiguration;
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
      return Exit::kFoundWrong;
    default:
      return Exit::kUnavailable;
  }
}

// Names the file and the mend where that is damage.
Error Explained(Error error, const Config& config) {
  if (error.reason == kDatabaseDamaged) {
    error.message = config.database_path + " is damaged (" + error.message +
                    "): put a backup back, or save what can be read, see docs/restore.md";
  }
  return error;
}

// How a command ends to which the database was no use.
Exit Print(const Error& error, const Config& config, Streams& streams) {
  return Print(Explained(error, config), ExitOf(error), streams);
}

// Of a process that served.
Exit HowItEnded(const Status& ran, Streams& streams) {
  if (ran) return Exit::kDone;
  const bool usage = ran.error().reason == kUsageReason;
  return Print(ran.error(), usage ? Exit::kUsage : ExitOf(ran.error()), streams);
}

// At most one byte more than the limit, so that the decoder can say what is wrong.
std::string ReadInput(std::istream& in) {
  std::string text(kMaxBodyBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

bool LooksLikeJson(std::string_view body) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '{';
}

OutputFormat FormatOf(bool json) { return json ? OutputFormat::kJson : OutputFormat::kText; }

// As WithStore, for what needs the configuration and the key file too. Neither is made: a database
// that is missing would not open with a fresh key.
Exit WithKey(
    const std::string& config_file, Streams& streams,
    const std::function<Result<Output>(const Config&, const Keyring&, SqliteStore&)>& act) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) return Print(config.error(), Exit::kConfiguration, streams);
  return WithStore(config_file, streams, [&](SqliteStore& store) -> Result<Output> {
    const Result<Keyring> keyring = OpenExistingKeyring(*config);
    if (!keyring) return Fail(keyring.error());
    return act(*config, *keyring, store);
  });
}

}  // namespace

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Exit WorkerCommand(const std::string& config_file, const std::string& listen, Streams& streams) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) return Print(config.error(), Exit::kConfiguration, streams);
  return HowItEnded(RunWorker(*config, listen), streams);
}

Exit SpoolerCommand(const std::string& config_file, const std::string& listen, Streams& streams) {
  const Result<std::string> directory = LoadSpoolDirectory(config_file, ProcessEnvironment());
  if (!directory) return Print(directory.error(), Exit::kConfiguration, streams);
  return HowItEnded(RunSpooler(*directory, listen), streams);
}

Exit DecodeCommand(Decoded what, Streams& streams) {
  const std::string body = ReadInput(streams.in);
  const BodyFormat format = LooksLikeJson(body) ? BodyFormat::kJson : BodyFormat::kForm;
  Result<Tree> tree = ParseBody(format, body);
  if (!tree) return Print(tree.error(), Exit::kFoundWrong, streams);
  if (what == Decoded::kTree) {
    streams.out << ToJson(*tree, true) << '\n';
    return Exit::kDone;
  }
  Result<Event> event = DecodeEvent(*tree);
  if (!event) return Print(event.error(), Exit::kFoundWrong, streams);
  streams.out << EventToJson(*event) << '\n';
  return event->unusable.empty() ? Exit::kDone : Exit::kFoundWrong;
}

Exit MigrateCommand(const std::string& config_file, bool json, Streams& streams) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) return Print(config.error(), Exit::kConfiguration, streams);
  // Opening migrates, makes the key file where there is none, and binds the two.
  Result<Service> service = OpenService(*config);
  if (!service) return Print(service.error(), *config, streams);
  if (json) {
    JsonWriter writer;
    writer.BeginObject().Key("database").String(config->database_path);
    writer.Key("schema").Integer(SchemaVersion()).EndObject();
    streams.out << writer.Take() << '\n';
  } else {
    streams.out << config->database_path << ": schema " << SchemaVersion() << ", current\n";
  }
  return Exit::kDone;
}

Exit SealCommand(const std::string& config_file, Streams& streams) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) return Print(config.error(), Exit::kConfiguration, streams);
  Result<Keyring> keyring = OpenKeyring(*config);
  if (!keyring) return Print(keyring.error(), ExitOf(keyring.error()), streams);
  std::string line;
  std::getline(streams.in, line);
  if (line.empty()) {
    return Print({ErrorCode::kInvalidArgument, "key seal: no secret on standard input"},
                 Exit::kUsage, streams);
  }
  const Secret secret(std::move(line));
  streams.out << kSealedPrefix << Base64(keyring->Seal(secret, kSealedPurpose)) << '\n';
  return Exit::kDone;
}

Exit RotateCommand(const std::string& config_file, bool json, Streams& streams) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) return Print(config.error(), Exit::kConfiguration, streams);
  const Result<KeyRotated> rotated = RotateKey(*config, SystemClock());
  if (!rotated) return Print(rotated.error(), *config, streams);
  if (json) {
    JsonWriter writer;
    writer.BeginObject().Key("resealed").Integer(rotated->resealed);
    writer.Key("unreadable").Integer(rotated->unreadable);
    writer.Key("keys").Integer(rotated->keys).Key("removed").Integer(rotated->removed);
    writer.Key("configuration").BeginArray();
    for (const std::string& key : rotated->configuration) writer.String(key);
    writer.EndArray().EndObject();
    streams.out << writer.Take() << '\n';
  } else {
    streams.out << config->key_file << ": a new key seals; back the file up\n"
                << rotated->resealed << " tokens sealed anew, " << rotated->keys
                << " keys in the file, " << rotated->removed << " removed\n";
    for (const std::string& key : rotated->configuration) {
      streams.out << key << " keeps its former key; seal it again with: imrelay key seal\n";
    }
    if (rotated->unreadable > 0) {
      streams.out << rotated->unreadable
                  << " tokens are sealed with a key that is not in the file; put your copy back, "
                     "or open the application in Bitrix24\n";
    }
  }
  return rotated->unreadable == 0 ? Exit::kDone : Exit::kFoundWrong;
}

Exit WithStore(const std::string& config_file, Streams& streams,
               const std::function<Result<Output>(SqliteStore&)>& report) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) return Print(config.error(), Exit::kConfiguration, streams);
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(config->database_path);
  if (!store) return Print(store.error(), *config, streams);
  Result<Output> output = report(**store);
  if (!output) return Print(output.error(), *config, streams);
  streams.out << output->text;
  return output->found ? Exit::kDone : Exit::kFoundWrong;
}

Exit ReplayCommand(const std::string& config, EventId event, bool json, Streams& streams) {
  return WithKey(config, streams,
                 [&](const Config&, const Keyring& keyring, SqliteStore& store) -> Result<Output> {
                   const SystemClock clock;
                   Ingest ingest(store, keyring, clock);
                   Result<Replayed> replayed = ReplayEvent(store, ingest, event);
                   if (!replayed) return Fail(std::move(replayed).error());
                   return ShowReplayed(event, *replayed, FormatOf(json));
                 });
}

Exit IngestCommand(const std::string& config, const std::vector<std::string>& files, bool json,
                   Streams& streams) {
  std::optional<Error> away;
  const Exit exit =
      WithKey(config, streams, [&](const Config& read, const Keyring& keyring, SqliteStore& store) {
        const SystemClock clock;
        Ingest ingest(store, keyring, clock);
        Result<Output> taken =
            IngestFiles(ingest, NamedApplications(read), files, FormatOf(json), away);
        if (away) away = Explained(*std::move(away), read);
        return taken;
      });
  if (!away) return exit;
  return Print(*away, ExitOf(*away), streams);
}

Exit ListChannelsCommand(const std::string& config, bool json, Streams& streams) {
  return WithKey(config, streams,
                 [&](const Config& read, const Keyring& keyring, SqliteStore& store) {
                   return ListChannels(read, keyring, store, FormatOf(json));
                 });
}

Exit ChannelOnCommand(const std::string& config, const std::string& name, bool json,
                      Streams& streams) {
  return WithKey(
      config, streams, [&](const Config& read, const Keyring& keyring, SqliteStore& store) {
        return TurnChannelOn(read, keyring, store, name, SystemClock().Now(), FormatOf(json));
      });
}

Exit RemovePortalCommand(const std::string& config, const std::string& member_id, bool json,
                         Streams& streams) {
  return WithStore(config, streams, [&](Store& store) {
    return RemovePortal(store, MemberId(member_id), SystemClock().Now(),
                        json ? OutputFormat::kJson : OutputFormat::kText);
  });
}

}  // namespace imrelay
