#include "app/backup_command.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <ostream>
#include <string_view>
#include <system_error>

#include "app/config.h"
#include "codec/json.h"
#include "store/sqlite/backup.h"

namespace imrelay {
namespace {

namespace fs = std::filesystem;

std::string Seconds(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(time.count()) / 1000);
  return text;
}

Exit Explain(const Error& error, const BackupOptions& options, Streams& streams) {
  streams.err << "imrelay: backup: " << error.message;
  Exit exit = Exit::kUnavailable;
  if (error.reason == kBackupExists) {
    streams.err << "; nothing is overwritten, name a new file";
    exit = Exit::kUsage;
  } else if (error.reason == kBackupBusy) {
    streams.err << "; wait for it, or name another file";
    exit = Exit::kUsage;
  } else if (error.reason == kDatabaseDamaged) {
    streams.err << "; no backup was made, keep the former ones. docs/restore.md says how to go on";
    exit = Exit::kFoundWrong;
  } else if (error.code == ErrorCode::kInvalidArgument) {
    exit = Exit::kConfiguration;
  }
  if (exit == Exit::kUnavailable) streams.err << "; nothing is left of " << options.file;
  streams.err << '\n';
  return exit;
}

void PrintJson(const Backup& backup, const Config& config, const BackupOptions& options,
               std::ostream& out) {
  JsonWriter writer;
  writer.BeginObject().Key("file").String(options.file).Key("database");
  writer.String(config.database_path).Key("bytes").Integer(backup.bytes());
  writer.Key("pages").Integer(backup.pages).Key("page_bytes").Integer(backup.page_bytes);
  writer.Key("schema").Integer(backup.schema);
  writer.Key("copy_seconds").Raw(Seconds(backup.copied_in));
  writer.Key("check_seconds").Raw(Seconds(backup.checked_in));
  writer.Key("check").String(options.whole ? "integrity_check" : "quick_check");
  writer.Key("problems").BeginArray();
  for (const std::string& problem : backup.problems) writer.String(problem);
  writer.EndArray().Key("key_file").String(config.key_file);
  writer.Key("spool").String(config.spool_directory).EndObject();
  out << writer.Take() << '\n';
}

void PrintText(const Backup& backup, const Config& config, const BackupOptions& options,
               std::ostream& out) {
  out << options.file << ": " << backup.bytes() << " bytes in " << backup.pages << " pages, schema "
      << backup.schema << "; copied in " << Seconds(backup.copied_in) << " s, checked ("
      << (options.whole ? "integrity_check" : "quick_check") << ") in "
      << Seconds(backup.checked_in) << " s\n"
      << "not in it: the key file " << config.key_file
      << " (keep a copy apart from this one), the configuration, and what waits in "
      << config.spool_directory << '\n';
  for (const std::string& problem : backup.problems) {
    out << "the rows are not right, in the database as in the copy: " << problem << '\n';
  }
}

}  // namespace

Exit BackupCommand(const std::string& config_file, const BackupOptions& options, Streams& streams) {
  Result<Config> config = LoadConfig(config_file, ProcessEnvironment());
  if (!config) {
    streams.err << "imrelay: " << config.error().message << '\n';
    return Exit::kConfiguration;
  }
  if (options.file.empty()) {
    streams.err << "imrelay: backup: FILE is empty; name a new file\n";
    return Exit::kUsage;
  }
  std::error_code error;
  const fs::path folder = fs::absolute(options.file, error).parent_path();
  if (fs::status(folder, error).type() == fs::file_type::not_found) {
    streams.err << "imrelay: backup: " << options.file << ": there is no directory "
                << folder.string() << "; make it, or name a file in another\n";
    return Exit::kUnavailable;
  }
  if (access(config->database_path.c_str(), F_OK) != 0) {
    streams.err << "imrelay: backup: " << config->database_path
                << ": no database there; is database.url right?\n";
    return Exit::kUnavailable;
  }
  const Database::Look look = options.whole ? Database::Look::kWhole : Database::Look::kQuick;
  const Result<Backup> backup = BackUp(config->database_path, options.file, look);
  if (!backup) return Explain(backup.error(), options, streams);
  if (options.json) {
    PrintJson(*backup, *config, options, streams.out);
  } else {
    PrintText(*backup, *config, options, streams.out);
  }
  return backup->problems.empty() ? Exit::kDone : Exit::kFoundWrong;
}

}  // namespace imrelay
