#include "crypto/key_rotation.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "crypto/key_file.h"

namespace imrelay {
namespace {

constexpr std::string_view kSeal = "seal ";
constexpr std::string_view kReplaced = "# replaced ";

// Cuts the first line off, its end included.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
  const std::string_view line = text.substr(0, length);
  text.remove_prefix(length);
  return line;
}

std::string_view Trimmed(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \r\n");
  return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

// None for a line that does not tell a time.
std::optional<std::int64_t> ReplacedAt(std::string_view line) {
  line = Trimmed(line);
  if (!line.starts_with(kReplaced)) return std::nullopt;
  line.remove_prefix(kReplaced.size());
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), seconds);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return seconds;
}

// The text of a key file that is whole.
Result<Secret> ReadValid(const std::string& path) {
  Result<Secret> text = ReadKeyText(path);
  if (!text) return text;
  const Result<KeyFile> file = ParseKeyFile(path, text->Reveal());
  if (!file) return Fail(file.error());
  return text;
}

}  // namespace

Result<int> CountSealKeys(const std::string& path) {
  const Result<Secret> text = ReadKeyText(path);
  if (!text) return Fail(text.error());
  const Result<KeyFile> file = ParseKeyFile(path, text->Reveal());
  if (!file) return Fail(file.error());
  return static_cast<int>(file->seal_keys.size());
}

Status AddSealKey(const std::string& path, TimePoint now) {
  const Result<int> count = CountSealKeys(path);
  if (!count) return Fail(count.error());
  if (*count >= kMostSealKeys) {
    return Fail(ErrorCode::kConflict,
                "key file " + path + " has " + std::to_string(*count) +
                    " keys; those that nothing uses go a day after they were replaced");
  }
  const Result<Secret> text = ReadValid(path);
  if (!text) return Fail(text.error());
  const Secret fresh(RandomKeyLine("seal"));
  const std::string replaced = std::string(kReplaced) + std::to_string(UnixSeconds(now)) + '\n';
  std::string changed;
  // Never moved while it grows, so that no copy is left behind.
  changed.reserve(text->Reveal().size() + fresh.Reveal().size() + 1 +
                  static_cast<std::size_t>(*count) * replaced.size());
  std::string_view rest = text->Reveal();
  bool first = true;
  bool noted = false;
  while (!rest.empty()) {
    const std::string_view line = TakeLine(rest);
    if (line.starts_with(kSeal)) {
      if (first) changed.append(fresh.Reveal());
      if (!noted) changed.append(replaced);
      first = false;
    }
    noted = ReplacedAt(line).has_value();
    changed.append(line);
  }
  return ReplaceKeyFile(path, Secret(std::move(changed)).Reveal());
}

Result<int> RemoveSealKeys(const std::string& path, TimePoint before,
                           const std::set<std::string>& used) {
  const Result<Secret> text = ReadValid(path);
  if (!text) return Fail(text.error());
  std::string kept;
  kept.reserve(text->Reveal().size());
  std::string_view rest = text->Reveal();
  std::string_view note;  // the line in front, where it tells a time
  int removed = 0;
  bool first = true;
  while (!rest.empty()) {
    const std::string_view line = TakeLine(rest);
    if (line.starts_with(kSeal)) {
      const std::optional<Secret> key = DecodeKey(Trimmed(line.substr(kSeal.size())));
      const std::optional<std::int64_t> replaced_at = ReplacedAt(note);
      const bool goes = !first && key && replaced_at && *replaced_at <= UnixSeconds(before) &&
                        !used.contains(KeyIdOf(*key));
      first = false;
      if (goes) {
        ++removed;
        note = {};
        continue;
      }
    }
    kept.append(std::exchange(note, {}));
    if (ReplacedAt(line)) {
      note = line;
    } else {
      kept.append(line);
    }
  }
  kept.append(note);
  const Secret changed(std::move(kept));
  if (removed == 0) return 0;
  if (Status replaced = ReplaceKeyFile(path, changed.Reveal()); !replaced) {
    return Fail(std::move(replaced).error());
  }
  return removed;
}

}  // namespace imrelay
