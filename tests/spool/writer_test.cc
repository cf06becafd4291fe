#include "spool/writer.h"

#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "base/await.h"
#include "spool/files.h"
#include "tests/fakes/temporary_directory.h"

namespace {
std::atomic<int> failing_syncs{0};
std::atomic<int> syncs{0};
}  // namespace

// In the place of libc's, for the whole program: a disk that fails.
extern "C" int fdatasync(int fd) {
  ++syncs;
  if (failing_syncs > 0) {
    --failing_syncs;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

namespace imrelay {
namespace {

namespace fs = std::filesystem;

SpooledRequest RequestOf(const std::string& body) {
  return {TimePoint(std::chrono::milliseconds(1)), "/bitrix24/event", "application/json",
          "192.0.2.1", body};
}

class Bench {
 public:
  explicit Bench(SpoolWriter::Options options = {}) {
    options.directory = directory();
    options.file_age = std::min(options.file_age, std::chrono::milliseconds(60'000));
    Result<std::unique_ptr<SpoolWriter>> opened = SpoolWriter::Open(options);
    REQUIRE(opened.has_value());
    writer = *std::move(opened);
  }

  std::string directory() const { return home_.File("spool/worker"); }

  Status Append(const std::string& body) {
    return Await<Status>(
        [&](SpoolWriter::Done done) { writer->Append(RequestOf(body), std::move(done)); });
  }

  std::vector<std::string> Names() const {
    Result<std::vector<std::string>> names = ListSpool(directory());
    REQUIRE(names.has_value());
    return *names;
  }

  // The bodies in all files by age; "#" where a file is held, "!" for damage.
  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    for (const std::string& name : Names()) {
      Result<std::optional<TakenSpool>> taken = TakenSpool::Take(directory() + '/' + name);
      REQUIRE(taken.has_value());
      if (!*taken) {
        bodies.emplace_back("#");
        continue;
      }
      const Result<std::string> content = (*taken)->Read();
      REQUIRE(content.has_value());
      std::string_view rest = *content;
      for (SpoolPiece piece = ReadSpool(rest); piece.bytes > 0; piece = ReadSpool(rest)) {
        bodies.push_back(piece.kind == SpoolPiece::Kind::kRequest ? piece.request.body : "!");
        rest.remove_prefix(piece.bytes);
      }
    }
    return bodies;
  }

  std::unique_ptr<SpoolWriter> writer;

 private:
  TemporaryDirectory home_;
};

using Bodies = std::vector<std::string>;

SpoolWriter::Options LongLived() {
  SpoolWriter::Options options;
  options.file_age = std::chrono::milliseconds(60'000);
  return options;
}

TEST_CASE("writer: what was told as written is there, in a file of its owner's alone") {
  Bench bench(LongLived());
  REQUIRE(bench.Append("one"));
  REQUIRE(bench.Append("two"));

  REQUIRE(bench.Names().size() == 1);
  struct stat found {};
  REQUIRE(stat((bench.directory() + '/' + bench.Names()[0]).c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  REQUIRE(stat(bench.directory().c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0700);
  // Held while it is written.
  CHECK(bench.Bodies() == Bodies{"#"});

  bench.writer->CloseFile();
  CHECK(bench.Bodies() == Bodies{"one", "two"});
  bench.writer->CloseFile();  // none is open

  REQUIRE(bench.Append("three"));
  bench.writer.reset();
  CHECK(bench.Bodies() == Bodies{"one", "two", "three"});
}

TEST_CASE("writer: a file is closed by its age and by its size") {
  SpoolWriter::Options options = LongLived();
  options.file_bytes = 1000;
  Bench large(options);
  for (int i = 0; i < 3; ++i) REQUIRE(large.Append(std::string(600, 'x')));
  CHECK(large.Names().size() == 2);
  CHECK(large.Bodies() == Bodies{std::string(600, 'x'), std::string(600, 'x'), "#"});

  options = LongLived();
  options.file_age = std::chrono::milliseconds(1);
  Bench old(options);
  REQUIRE(old.Append("one"));
  while (old.Bodies() == Bodies{"#"}) usleep(1000);
  CHECK(old.Bodies() == Bodies{"one"});
}

TEST_CASE("writer: one sync serves many, and each is told once, in its order") {
  Bench bench(LongLived());
  REQUIRE(bench.Append("first"));
  const int before = syncs;
  std::vector<int> told;
  // The writer's thread waits in the first Done, so that the others are one batch.
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  bench.writer->Append(RequestOf("wait"), [gone](Status) { gone.wait(); });
  for (int i = 0; i < 100; ++i) {
    bench.writer->Append(RequestOf(std::to_string(i)), [&told, i](const Status& status) {
      if (status) told.push_back(i);
    });
  }
  go.set_value();
  bench.writer->CloseFile();
  REQUIRE(told.size() == 100);
  CHECK(std::is_sorted(told.begin(), told.end()));
  CHECK(syncs - before <= 3);
  CHECK(bench.Bodies().size() == 102);
}

TEST_CASE("writer: what is gathered is one sync, and closing the file waits for nothing") {
  Bench bench(LongLived());
  const std::chrono::minutes long_enough(10);
  std::atomic<int> told = 0;
  const auto append = [&] {
    bench.writer->Append(RequestOf("x"), [&told](const Status& status) { told += status ? 1 : 0; });
  };
  bench.writer->Gather(long_enough);
  const int before = syncs;
  for (int i = 0; i < 100; ++i) append();
  usleep(20'000);
  CHECK(told == 0);
  bench.writer->CloseFile();
  CHECK(told == 100);
  CHECK(syncs - before == 1);

  append();
  bench.writer->Gather(std::chrono::milliseconds(0));
  while (told < 101) usleep(1000);
  REQUIRE(bench.Append("at once"));

  bench.writer->Gather(long_enough);
  append();
  bench.writer.reset();
  CHECK(told == 102);
}

TEST_CASE("writer: what is gathered is written when its time is up, or when it is many") {
  Bench timed(LongLived());
  const std::chrono::milliseconds longest(50);
  timed.writer->Gather(longest);
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(timed.Append("one"));
  CHECK(std::chrono::steady_clock::now() - begun >= longest);

  Bench many(LongLived());
  many.writer->Gather(std::chrono::minutes(10));
  for (int i = 1; i < 128; ++i) many.writer->Append(RequestOf("x"), [](const Status&) {});
  REQUIRE(many.Append("last"));
}

TEST_CASE("writer: a directory holds what it may and no more, and again after an intake") {
  SpoolWriter::Options options = LongLived();
  options.most_bytes = 2000;
  Bench bench(options);
  REQUIRE(bench.Append(std::string(800, 'a')));
  REQUIRE(bench.Append(std::string(800, 'b')));
  const Status full = bench.Append(std::string(800, 'c'));
  REQUIRE_FALSE(full);
  CHECK(full.error().code == ErrorCode::kUnavailable);
  CHECK(full.error().reason == "full");
  REQUIRE(bench.Append("small"));  // there is room for it
  bench.writer->CloseFile();
  CHECK(bench.Bodies().size() == 3);

  for (const std::string& name : bench.Names()) {
    unlink((bench.directory() + '/' + name).c_str());
  }
  while (!bench.Append(std::string(800, 'd'))) usleep(10'000);
  bench.writer->CloseFile();
  CHECK(bench.Bodies() == Bodies{std::string(800, 'd')});
}

TEST_CASE("writer: it leaves room for others on the disk") {
  SpoolWriter::Options options;
  options.least_free_bytes = std::uint64_t{1} << 60;
  Bench bench(options);
  const Status full = bench.Append("one");
  REQUIRE_FALSE(full);
  CHECK(full.error().reason == "full");
  CHECK(bench.Names().empty());
}

TEST_CASE("writer: a record that is too large for the disk is cut off, and others go on") {
  Bench bench(LongLived());
  REQUIRE(bench.Append("one"));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status cut = bench.Append(std::string(4000, 'x'));
  const Status fits = bench.Append("two");
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);

  REQUIRE_FALSE(cut);
  CHECK(cut.error().code == ErrorCode::kUnavailable);
  CHECK(fits);
  REQUIRE(bench.Append("three"));
  bench.writer->CloseFile();
  CHECK(bench.Bodies() == Bodies{"one", "two", "three"});
}

TEST_CASE("writer: after a failed sync nothing is promised, and a new file is begun") {
  Bench bench(LongLived());
  REQUIRE(bench.Append("one"));
  failing_syncs = 1;
  const Status failed = bench.Append("lost");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kUnavailable);
  REQUIRE(bench.Append("two"));
  CHECK(bench.Names().size() == 2);
  bench.writer->CloseFile();
  CHECK(bench.Bodies() == Bodies{"one", "two"});
}

TEST_CASE("writer: two write to one directory, each to files of its own") {
  Bench bench(LongLived());
  SpoolWriter::Options options = LongLived();
  options.directory = bench.directory();
  Result<std::unique_ptr<SpoolWriter>> other = SpoolWriter::Open(options);
  REQUIRE(other.has_value());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(bench.Append("mine"));
    REQUIRE(Await<Status>(
        [&](SpoolWriter::Done done) { (*other)->Append(RequestOf("theirs"), std::move(done)); }));
  }
  other->reset();
  bench.writer.reset();
  Bodies bodies = bench.Bodies();
  CHECK(std::count(bodies.begin(), bodies.end(), "mine") == 20);
  CHECK(std::count(bodies.begin(), bodies.end(), "theirs") == 20);
}

TEST_CASE("writer: a directory that somebody removes is made anew, its owner's alone") {
  Bench bench(LongLived());
  const fs::path spool = fs::path(bench.directory()).parent_path();
  REQUIRE(bench.Append("one"));
  SUBCASE("while a file is open") {}
  SUBCASE("while none is") { bench.writer->CloseFile(); }
  fs::remove_all(spool);

  REQUIRE(bench.Append("two"));
  struct stat found {};
  REQUIRE(stat(bench.directory().c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0700);
  bench.writer->CloseFile();
  CHECK(bench.Bodies() == Bodies{"two"});
}

TEST_CASE("writer: a directory that cannot be made is an error that passes") {
  Bench bench(LongLived());
  const fs::path spool = fs::path(bench.directory()).parent_path();
  fs::remove_all(spool);
  std::ofstream(spool) << "in the way";
  const Status failed = bench.Append("one");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kUnavailable);
  fs::remove(spool);
  CHECK(bench.Append("two"));
}

TEST_CASE("writer: a body that is too large is no request, and a file in the way no directory") {
  Bench bench(LongLived());
  const Status large = bench.Append(std::string(kMaxSpooledBody + 1, 'x'));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == ErrorCode::kInvalidArgument);

  SpoolWriter::Options options;
  options.directory = "/dev/null/spool";
  const auto failed = SpoolWriter::Open(options);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace imrelay
