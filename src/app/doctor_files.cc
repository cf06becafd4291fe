#include "app/doctor_files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace imrelay {
namespace {

using Act = Remedy::Act;

constexpr mode_t kGroup = S_IRWXG;
constexpr mode_t kOthers = S_IRWXO;
constexpr const char* kSockets = "/run/imrelay/";

std::optional<struct stat> Look(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}

std::string Octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

std::string NameOfUser(uid_t uid) {
  char buffer[1024];
  passwd entry{};
  passwd* found = nullptr;
  const bool known =
      getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr;
  return known ? entry.pw_name : std::to_string(uid);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Told when any of the bits `closed` is open.
void CheckMode(Findings& findings, const std::string& path, const struct stat& facts,
               mode_t closed) {
  const mode_t mode = facts.st_mode & 07777;
  if ((mode & closed) == 0) return;
  const std::string right = Octal(mode & ~closed);
  const char* who = (mode & closed & kOthers) != 0 ? "everybody on this machine" : "its group";
  findings.push_back(Broken("file", path, "mode " + Octal(mode) + ": open to " + who,
                            "chmod " + right + ' ' + path, Remedy{Act::kChangeMode, path, right}));
}

// A folder of root's own says nothing of whose the service is.
void CheckOwner(Findings& findings, const std::string& path, const struct stat& facts,
                const struct stat& folder) {
  if (folder.st_uid == 0 || facts.st_uid == folder.st_uid) return;
  const std::string owner = NameOfUser(folder.st_uid);
  std::optional<Remedy> remedy;
  if (facts.st_uid == 0) remedy = Remedy{Act::kChangeOwner, path};
  findings.push_back(Broken("file", path,
                            "belongs to " + NameOfUser(facts.st_uid) + ", its folder to " + owner +
                                ", which cannot open it then",
                            "as root: chown " + owner + ": " + path, std::move(remedy)));
}

void CheckOwnFile(Findings& findings, const std::string& path) {
  const std::optional<struct stat> facts = Look(path);
  const std::optional<struct stat> folder = Look(FolderOf(path));
  if (!facts || !folder) return;
  CheckMode(findings, path, *facts, kGroup | kOthers);
  CheckOwner(findings, path, *facts, *folder);
}

// The database, its -wal and -shm, and the files that lock: all that begin with its name.
std::vector<std::string> FilesOf(const std::string& database) {
  std::vector<std::string> files;
  const std::string name = std::filesystem::path(database).filename().string();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(FolderOf(database), error)) {
    const std::string other = entry.path().filename().string();
    const bool belongs = other == name || other.starts_with(name + '-');
    if (belongs && entry.is_regular_file(error)) files.push_back(entry.path().string());
  }
  return files;
}

void CheckFolder(Findings& findings, const std::string& folder) {
  const std::optional<struct stat> facts = Look(folder);
  if (!facts) {
    findings.push_back(Broken("directory", folder, "is not there",
                              "systemd-tmpfiles --create imrelay.conf; or, is a disk not mounted?",
                              Remedy{Act::kMakeDirectory, folder}));
    return;
  }
  // Not changed by --fix: nobody knows what else the folder is for.
  const mode_t mode = facts->st_mode & 07777;
  if ((mode & kOthers) != 0) {
    findings.push_back(
        Warn("directory", folder, "mode " + Octal(mode) + ": open to everybody",
             "chmod " + Octal(mode & ~kOthers) + ' ' + folder + ", if it is the service's alone"));
  }
  if (geteuid() != 0 && geteuid() != facts->st_uid) {
    findings.push_back(Warn("user", NameOfUser(geteuid()),
                            "is not the service's user, so it cannot see everything",
                            "run doctor as root or with: runuser -u " + NameOfUser(facts->st_uid) +
                                " -- imrelay doctor"));
  }
}

tl::unexpected<Error> SystemError(const std::string& doing) {
  return Fail(ErrorCode::kUnavailable, doing + ": " + std::strerror(errno));
}

// The thing itself that has a name now. Root mends what lies in a folder of the service's, and
// whoever got hold of the service must not make it mend something else through a link.
class Handle {
 public:
  explicit Handle(const std::string& path)
      : fd_(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)) {}
  ~Handle() {
    if (fd_ >= 0) close(fd_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Status CheckOwn(const std::string& path) const {
    struct stat facts {};
    if (fd_ < 0 || fstat(fd_, &facts) != 0) return SystemError("open " + path);
    const bool single = (S_ISREG(facts.st_mode) && facts.st_nlink == 1) || S_ISSOCK(facts.st_mode);
    if (single) return {};
    return Fail(ErrorCode::kInvalidArgument, path + " is a link: left alone");
  }
  // For calls that take a path.
  std::string Name() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

Findings CheckFiles(const ServiceFiles& files) {
  Findings findings;
  CheckFolder(findings, FolderOf(files.database));
  for (const std::string& path : files.configuration) {
    if (const std::optional<struct stat> facts = Look(path)) {
      CheckMode(findings, path, *facts, kOthers);  // root's, readable by the service's group
    }
  }
  CheckOwnFile(findings, files.key_file);
  for (const std::string& path : FilesOf(files.database)) CheckOwnFile(findings, path);
  for (const ServiceSocket& socket : {kWorkerSocket, kSpoolerSocket}) {
    const std::string path = FindSocket(files.database, socket);
    if (const std::optional<struct stat> facts = Look(path)) {
      CheckMode(findings, path, *facts, kOthers);
    }
  }
  if (findings.empty()) {
    findings.push_back(Ok("file", FolderOf(files.database),
                          "configuration, key, database and socket are the service's alone"));
  }
  return findings;
}

Result<std::string> ChangeMode(const std::string& path, const std::string& octal) {
  const Handle handle(path);
  if (Status own = handle.CheckOwn(path); !own) return Fail(std::move(own).error());
  const auto mode = static_cast<mode_t>(std::strtoul(octal.c_str(), nullptr, 8));
  if (chmod(handle.Name().c_str(), mode) != 0) return SystemError("chmod " + path);
  return "chmod " + octal + ' ' + path;
}

Result<std::string> ChangeOwner(const std::string& path) {
  const Handle handle(path);
  if (Status own = handle.CheckOwn(path); !own) return Fail(std::move(own).error());
  const std::optional<struct stat> folder = Look(FolderOf(path));
  if (!folder || chown(handle.Name().c_str(), folder->st_uid, folder->st_gid) != 0) {
    return SystemError("chown " + path);
  }
  return "chown " + NameOfUser(folder->st_uid) + ": " + path;
}

Result<std::string> MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) return SystemError("mkdir " + path);
  return "mkdir " + path;
}

std::string FindSocket(const std::string& database, const ServiceSocket& socket) {
  for (const std::string& folder : {FolderOf(database) + '/', std::string(kSockets)}) {
    const std::string path = folder + socket.file;
    const std::optional<struct stat> facts = Look(path);
    if (facts && S_ISSOCK(facts->st_mode)) return path;
  }
  return {};
}

}  // namespace imrelay
