#include "app/doctor_files.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using Level = Finding::Level;

// A service's files, each as it should be.
struct Well {
  Well() {
    for (const char* name :
         {"imrelay.toml", "secret", "x.key", "x.db", "x.db-wal", "x.db-proofs"}) {
      std::ofstream(directory.File(name)) << "x";
      chmod(directory.File(name).c_str(), 0600);
    }
    chmod(directory.File("imrelay.toml").c_str(), 0640);
  }
  ServiceFiles Files() const {
    return {{directory.File("imrelay.toml"), directory.File("secret")},
            directory.File("x.key"),
            directory.File("x.db")};
  }
  TemporaryDirectory directory;
};

Result<std::string> MendOne(const Remedy& remedy) {
  REQUIRE(remedy.act == Remedy::Act::kChangeMode);
  return ChangeMode(remedy.subject, remedy.detail);
}

TEST_CASE("doctor_files: what is the service's alone is one line") {
  const Well well;

  const Findings findings = CheckFiles(well.Files());

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
}

TEST_CASE("doctor_files: finds each file that is open to others, and closes it") {
  const struct {
    const char* name;
    mode_t wrong;
    const char* mend;
  } cases[] = {{"imrelay.toml", 0644, "chmod 0640 "}, {"secret", 0604, "chmod 0600 "},
               {"x.key", 0640, "chmod 0600 "},        {"x.db", 0644, "chmod 0600 "},
               {"x.db-wal", 0660, "chmod 0600 "},     {"x.db-proofs", 0602, "chmod 0600 "}};
  for (const auto& planted : cases) {
    CAPTURE(planted.name);
    const Well well;
    const std::string path = well.directory.File(planted.name);
    chmod(path.c_str(), planted.wrong);

    const Findings findings = CheckFiles(well.Files());
    const Findings after = Examine([&well] { return CheckFiles(well.Files()); }, MendOne);

    REQUIRE(findings.size() == 1);
    CHECK(findings[0].level == Level::kFail);
    CHECK(findings[0].subject == path);
    CHECK(findings[0].mend == planted.mend + path);
    for (const Finding& finding : after) CHECK(finding.level == Level::kOk);
    CHECK(CheckFiles(well.Files()).front().level == Level::kOk);
  }
}

TEST_CASE("doctor_files: a folder that others can enter is told, and left alone") {
  const Well well;
  const std::string folder = well.directory.File("");
  chmod(folder.c_str(), 0755);

  const Findings findings = CheckFiles(well.Files());

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kWarn);
  CHECK(findings[0].found.find("0755") != std::string::npos);
  CHECK_FALSE(findings[0].remedy.has_value());
}

TEST_CASE("doctor_files: what a link names is not mended") {
  const TemporaryDirectory elsewhere;
  const std::string target = elsewhere.File("target");
  std::ofstream(target) << "x";
  chmod(target.c_str(), 0644);
  const Well well;
  const std::string path = well.directory.File("x.db-wal");
  for (const bool hard : {false, true}) {
    CAPTURE(hard);
    unlink(path.c_str());
    REQUIRE((hard ? link : symlink)(target.c_str(), path.c_str()) == 0);

    const Result<std::string> mode = ChangeMode(path, "0600");
    const Result<std::string> owner = ChangeOwner(path);

    CHECK_FALSE(mode.has_value());
    CHECK_FALSE(owner.has_value());
    struct stat facts {};
    REQUIRE(stat(target.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0644);
  }
}

TEST_CASE("doctor_files: a folder that is missing is made, for its owner alone") {
  const TemporaryDirectory directory;
  const std::string folder = directory.File("state");

  const Findings findings = CheckFiles({{}, folder + "/x.key", folder + "/x.db"});

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kFail);
  REQUIRE(findings[0].remedy.has_value());
  CHECK(findings[0].remedy->act == Remedy::Act::kMakeDirectory);
  REQUIRE(MakeDirectory(findings[0].remedy->subject).has_value());
  struct stat facts {};
  REQUIRE(stat(folder.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0700);
}

TEST_CASE("doctor_files: a file that root left in the service's folder is given back") {
  if (geteuid() != 0) return;
  const Well well;
  REQUIRE(chown(well.directory.File("").c_str(), 12345, 12345) == 0);

  const Findings findings = CheckFiles(well.Files());

  REQUIRE(findings.size() == 4);  // the key and the database's files
  for (const Finding& finding : findings) {
    CHECK(finding.level == Level::kFail);
    CHECK(finding.found.find("belongs to root") != std::string::npos);
    REQUIRE(finding.remedy.has_value());
    CHECK(ChangeOwner(finding.remedy->subject).has_value());
  }
  CHECK(CheckFiles(well.Files()).front().level == Level::kOk);
}

TEST_CASE("doctor_files: a remedy that is not possible says why") {
  const Result<std::string> done = ChangeMode("/nonexistent/x", "0600");

  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message == "open /nonexistent/x: No such file or directory");
}

TEST_CASE("doctor_files: the socket beside the database is found, a file of its name is none") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("imrelay.sock");
  std::ofstream(path) << "x";
  CHECK(FindSocket(directory.File("x.db"), kWorkerSocket) != path);
  unlink(path.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);

  CHECK(FindSocket(directory.File("x.db"), kWorkerSocket) == path);

  close(fd);
}

}  // namespace
}  // namespace imrelay
