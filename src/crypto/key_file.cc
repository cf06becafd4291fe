#include "crypto/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/failpoint.h"
#include "base/ownership.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestKeyFile = 64 * 1024;
constexpr const char* kComment =
    "# imrelay key file: keep it secret, back it up. Without it the tokens in the database\n"
    "# cannot be read, and every portal must be installed again.\n";

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> SystemError(ErrorCode code, const std::string& what, int error) {
  return Fail(code, what + ": " + std::strerror(error));
}

tl::unexpected<Error> Damaged(const std::string& path, std::string_view why) {
  return Fail(ErrorCode::kInvalidArgument,
              "key file " + path + " is damaged (" + std::string(why) + "); put your copy back");
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return fsync(fd) == 0;
}

// Two makers use two names. The file is complete and on disk, mode 0600, when this returns its
// name.
Result<std::string> WriteTemporary(const std::string& path, std::string_view text) {
  std::string name = path + ".XXXXXX";
  const Descriptor file(mkostemp(name.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) {
    return SystemError(ErrorCode::kUnavailable, "make key file " + path, errno);
  }
  GiveToOwnerOfFolder(file.get(), path);
  if (!WriteAll(file.get(), text)) {
    const int error = errno;
    unlink(name.c_str());
    return SystemError(ErrorCode::kUnavailable, "write key file " + path, error);
  }
  return name;
}

}  // namespace

std::optional<Secret> DecodeKey(std::string_view text) {
  std::array<char, kKeyBytes> bytes{};
  std::size_t length = 0;
  const bool decoded = sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()),
                                         bytes.size(), text.data(), text.size(), nullptr, &length,
                                         nullptr, sodium_base64_VARIANT_ORIGINAL) == 0 &&
                       length == kKeyBytes;
  std::optional<Secret> key;
  if (decoded) key.emplace(std::string(bytes.data(), bytes.size()));
  sodium_memzero(bytes.data(), bytes.size());
  return key;
}

Result<KeyFile> ParseKeyFile(const std::string& path, std::string_view text) {
  KeyFile file;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const bool hash = line.starts_with("hash ");
    if (!hash && !line.starts_with("seal ")) return Damaged(path, "a line of no known kind");
    std::optional<Secret> key = DecodeKey(line.substr(5));
    if (!key) return Damaged(path, "a key that is not 32 bytes of base64");
    if (!hash) {
      file.seal_keys.push_back(*std::move(key));
    } else if (file.hash_key.empty()) {
      file.hash_key = *std::move(key);
    } else {
      return Damaged(path, "two hash keys");
    }
  }
  if (file.hash_key.empty()) return Damaged(path, "no hash key");
  if (file.seal_keys.empty()) return Damaged(path, "no seal key");
  return file;
}

std::string RandomKeyLine(const char* kind) {
  std::array<unsigned char, kKeyBytes> key{};
  randombytes_buf(key.data(), key.size());
  std::array<char, sodium_base64_ENCODED_LEN(kKeyBytes, sodium_base64_VARIANT_ORIGINAL)> text{};
  sodium_bin2base64(text.data(), text.size(), key.data(), key.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  std::string line = std::string(kind) + ' ' + text.data() + '\n';
  sodium_memzero(key.data(), key.size());
  sodium_memzero(text.data(), text.size());
  return line;
}

std::string KeyIdOf(const Secret& key) {
  constexpr std::string_view kPurpose = "imrelay key id";
  std::array<unsigned char, 16> hash{};
  crypto_generichash(hash.data(), hash.size(),
                     reinterpret_cast<const unsigned char*>(kPurpose.data()), kPurpose.size(),
                     reinterpret_cast<const unsigned char*>(key.Reveal().data()),
                     key.Reveal().size());
  return {reinterpret_cast<const char*>(hash.data()), kKeyIdBytes};
}

FileVersion VersionOf(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_ino, facts.st_size,
          std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec};
}

Result<Secret> ReadKeyText(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const bool missing = errno == ENOENT;
    return SystemError(missing ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                       "open key file " + path, errno);
  }
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) {
    return SystemError(ErrorCode::kUnavailable, "look at key file " + path, errno);
  }
  if (!S_ISREG(facts.st_mode)) return Damaged(path, "not a regular file");
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "key file " + path + " is open to others; do: chmod 600 " + path);
  }
  std::string buffer(kLongestKeyFile, '\0');
  std::size_t length = 0;
  while (length < buffer.size()) {
    const ssize_t got = read(file.get(), buffer.data() + length, buffer.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(ErrorCode::kUnavailable, "read key file " + path, errno);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  const bool too_long = length == buffer.size();
  buffer.resize(length);
  Secret text(std::move(buffer));  // moved, so the only copy is wiped in the end
  if (too_long) return Damaged(path, "too long");
  return text;
}

Status ReplaceKeyFile(const std::string& path, std::string_view text) {
  std::error_code unresolved;
  // A link stays one.
  const std::string file = std::filesystem::canonical(path, unresolved).string();
  struct stat former {};
  if (unresolved || stat(file.c_str(), &former) != 0) {
    return SystemError(ErrorCode::kUnavailable, "look at key file " + path, errno);
  }
  // The same name each time: what a maker that was killed has left is written over.
  const std::string name = file + ".new";
  unlink(name.c_str());
  const Descriptor fresh(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool written = fresh.get() >= 0 &&
                       (fchown(fresh.get(), former.st_uid, former.st_gid) == 0 || geteuid() != 0) &&
                       fchmod(fresh.get(), former.st_mode & 07777) == 0 &&
                       WriteAll(fresh.get(), text);
  Failpoint("crypto.key_file_written");
  if (!written || rename(name.c_str(), file.c_str()) != 0) {
    const int error = errno;
    unlink(name.c_str());
    return SystemError(ErrorCode::kUnavailable, "write key file " + path, error);
  }
  return SyncDirectoryOf(file);
}

Status MakeKeyFile(const std::string& path) {
  const Secret text(kComment + RandomKeyLine("hash") + RandomKeyLine("seal"));
  Result<std::string> temporary = WriteTemporary(path, text.Reveal());
  if (!temporary) return Fail(std::move(temporary).error());
  // Unlike rename(), link() never replaces a file: of two makers, the first one's keys stay.
  const int failed = link(temporary->c_str(), path.c_str()) == 0 ? 0 : errno;
  unlink(temporary->c_str());
  if (failed != 0 && failed != EEXIST) {
    return SystemError(ErrorCode::kUnavailable, "make key file " + path, failed);
  }
  return {};
}

Status SyncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor directory(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || fsync(directory.get()) != 0) {
    return SystemError(ErrorCode::kUnavailable, "write directory " + name, errno);
  }
  return {};
}

}  // namespace imrelay
