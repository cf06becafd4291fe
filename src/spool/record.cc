#include "spool/record.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "crypto/digest.h"

namespace imrelay {
namespace {

constexpr std::string_view kWord = "imrelay-spool";
constexpr std::string_view kBeginning = "imrelay-spool 1 ";
constexpr std::size_t kLongestField = 1024;
// A body in which the word stands again and again grows by one byte each time.
constexpr std::size_t kLongestPayload =
    kMaxSpooledBody + kMaxSpooledBody / kWord.size() + 4 * (kLongestField + 16);
// "imrelay-spool 1 ", seven digits, a blank, 32 hex digits, "\n".
constexpr std::size_t kLongestHeader = kBeginning.size() + 7 + 1 + 32 + 1;

std::string Checksum(std::string_view payload) {
  constexpr const char* kDigits = "0123456789abcdef";
  const std::array<std::string_view, 1> parts{payload};
  std::string hex;
  for (const std::uint8_t byte : Digest(parts)) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xF];
  }
  return hex;
}

// With a '>' behind every word that begins a record.
std::string Quoted(std::string_view text) {
  std::string quoted;
  quoted.reserve(text.size());
  while (true) {
    const std::size_t at = text.find(kWord);
    if (at == text.npos) return quoted.append(text);
    quoted.append(text.substr(0, at + kWord.size())) += '>';
    text.remove_prefix(at + kWord.size());
  }
}

// None where the word stands without its '>', which no record has.
std::optional<std::string> Unquoted(std::string_view quoted) {
  std::string text;
  text.reserve(quoted.size());
  while (true) {
    const std::size_t at = quoted.find(kWord);
    if (at == quoted.npos) return text.append(quoted);
    const std::size_t end = at + kWord.size();
    if (end == quoted.size() || quoted[end] != '>') return std::nullopt;
    text.append(quoted.substr(0, end));
    quoted.remove_prefix(end + 1);
  }
}

// One line's worth.
std::string Field(std::string_view value) {
  std::string field(value.substr(0, kLongestField));
  for (char& c : field) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return field;
}

template <class Number>
std::optional<Number> NumberIn(std::string_view digits) {
  Number number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// Takes "NAME value\n" off the front of `payload`.
std::optional<std::string_view> TakeField(std::string_view name, std::string_view& payload) {
  if (!payload.starts_with(name)) return std::nullopt;
  const std::size_t end = payload.find('\n');
  if (end == payload.npos) return std::nullopt;
  const std::string_view value = payload.substr(name.size(), end - name.size());
  payload.remove_prefix(end + 1);
  return value;
}

std::optional<SpooledRequest> RequestIn(std::string_view quoted) {
  const std::optional<std::string> unquoted = Unquoted(quoted);
  if (!unquoted) return std::nullopt;
  std::string_view payload = *unquoted;
  const auto received = TakeField("received ", payload);
  const auto path = TakeField("path ", payload);
  const auto type = TakeField("type ", payload);
  const auto remote = TakeField("remote ", payload);
  if (!received || !path || !type || !remote || !payload.starts_with('\n')) return std::nullopt;
  const auto milliseconds = NumberIn<std::int64_t>(*received);
  payload.remove_prefix(1);
  if (!milliseconds || payload.size() > kMaxSpooledBody) return std::nullopt;
  return SpooledRequest{TimePoint(std::chrono::milliseconds(*milliseconds)), std::string(*path),
                        std::string(*type), std::string(*remote), std::string(payload)};
}

// The whole record that `rest` begins with; none when there is none.
std::optional<SpoolPiece> RecordAt(std::string_view rest) {
  if (!rest.starts_with(kBeginning)) return std::nullopt;
  const std::size_t line = rest.substr(0, kLongestHeader).find('\n');
  if (line == rest.npos) return std::nullopt;
  const std::string_view header = rest.substr(kBeginning.size(), line - kBeginning.size());
  const std::size_t blank = header.find(' ');
  if (blank == header.npos) return std::nullopt;
  const auto length = NumberIn<std::size_t>(header.substr(0, blank));
  rest.remove_prefix(line + 1);
  if (!length || *length > kLongestPayload || *length > rest.size()) return std::nullopt;
  const std::string_view payload = rest.substr(0, *length);
  // Before the sum: another record's beginning in it would be summed once more, and again and
  // again.
  std::optional<SpooledRequest> request = RequestIn(payload);
  if (!request || Checksum(payload) != header.substr(blank + 1)) return std::nullopt;
  SpoolPiece piece{SpoolPiece::Kind::kRequest, *std::move(request), line + 1 + *length};
  if (rest.substr(*length).starts_with('\n')) ++piece.bytes;
  return piece;
}

}  // namespace

std::string SpoolRecord(const SpooledRequest& request) {
  std::string payload = "received " + std::to_string(UnixMilliseconds(request.received_at));
  payload += "\npath " + Field(request.path);
  payload += "\ntype " + Field(request.content_type);
  payload += "\nremote " + Field(request.remote_address);
  payload += "\n\n" + request.body;
  payload = Quoted(payload);
  std::string record(kBeginning);
  record += std::to_string(payload.size()) + ' ' + Checksum(payload) + '\n';
  return record + payload + '\n';
}

SpoolPiece ReadSpool(std::string_view rest) {
  if (rest.empty()) return {};
  if (std::optional<SpoolPiece> record = RecordAt(rest)) return *std::move(record);
  SpoolPiece damaged{SpoolPiece::Kind::kDamage, {}, rest.size()};
  for (std::size_t at = rest.find(kBeginning, 1); at != rest.npos;
       at = rest.find(kBeginning, at + 1)) {
    if (!RecordAt(rest.substr(at))) continue;
    damaged.bytes = at;
    break;
  }
  return damaged;
}

}  // namespace imrelay
