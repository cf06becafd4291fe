#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "spool/record.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

using Kind = SpoolPiece::Kind;

constexpr std::size_t kLongestField = 1024;

bool Same(const SpooledRequest& a, const SpooledRequest& b) {
  return a.received_at == b.received_at && a.path == b.path && a.content_type == b.content_type &&
         a.remote_address == b.remote_address && a.body == b.body;
}

void CheckField(std::string_view field) {
  Check(field.size() <= kLongestField, "a field is no longer than its limit");
  Check(std::none_of(field.begin(), field.end(),
                     [](unsigned char c) { return c < ' ' || c == 0x7F; }),
        "a field stands on one line");
}

// The requests in a file's bytes, which may be any.
std::vector<SpooledRequest> RequestsIn(std::string_view rest) {
  std::vector<SpooledRequest> requests;
  bool damaged = false;
  while (true) {
    SpoolPiece piece = ReadSpool(rest);
    if (piece.kind == Kind::kEnd) break;
    Check(piece.bytes > 0 && piece.bytes <= rest.size(), "each piece is a part of the file");
    Check(!damaged || piece.kind == Kind::kRequest, "behind damage comes a record or the end");
    damaged = piece.kind == Kind::kDamage;
    if (!damaged) {
      Check(piece.request.body.size() <= kMaxSpooledBody, "a body is within its limit");
      CheckField(piece.request.path);
      CheckField(piece.request.content_type);
      CheckField(piece.request.remote_address);
      const std::string again = SpoolRecord(piece.request);
      const SpoolPiece copy = ReadSpool(again);
      Check(copy.kind == Kind::kRequest && copy.bytes == again.size() &&
                Same(copy.request, piece.request),
            "what was read is written and read again the same");
      requests.push_back(std::move(piece.request));
    }
    rest.remove_prefix(piece.bytes);
  }
  Check(rest.empty(), "nothing of a file is left out");
  return requests;
}

struct Written {
  SpooledRequest request;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The input, cut into the bodies of a few requests, as a spool file.
std::vector<Written> Write(std::string_view input, std::string& file) {
  constexpr std::string_view kBetween = "\n\n";
  constexpr std::size_t kMost = 6;
  std::vector<Written> written;
  while (written.size() < kMost && (!input.empty() || written.empty())) {
    const std::size_t end = std::min(input.find(kBetween), input.size());
    Written one;
    one.request.received_at = FromUnixSeconds(1773748800 + static_cast<long long>(written.size()));
    one.request.path = "/bitrix24/event";
    one.request.content_type = input.substr(0, std::min<std::size_t>(end, 16));
    one.request.remote_address = "127.0.0.1";
    one.request.body = input.substr(0, end);
    one.begin = file.size();
    file += SpoolRecord(one.request);
    one.end = file.size();
    // As it was written: control characters of the type are gone.
    one.request = ReadSpool(std::string_view(file).substr(one.begin)).request;
    Check(one.request.body == input.substr(0, end), "a body comes back byte by byte");
    written.push_back(std::move(one));
    input.remove_prefix(std::min(end + kBetween.size(), input.size()));
  }
  return written;
}

// One byte of the file is another: every other record comes, in order, and nothing else.
void CheckFlipped(std::string_view input) {
  std::string file;
  const std::vector<Written> written = Write(input, file);
  std::uint32_t chosen = 0;
  std::memcpy(&chosen, input.data() + input.size() - std::min(input.size(), sizeof chosen),
              std::min(input.size(), sizeof chosen));
  const std::size_t at = chosen % file.size();
  const auto bit = static_cast<char>(1U << (chosen / 7 % 8));
  file[at] = static_cast<char>(file[at] ^ bit);

  const std::vector<SpooledRequest> found = RequestsIn(file);
  auto next = found.begin();
  for (const Written& one : written) {
    // The line feed behind a record only makes it readable.
    const bool hit = at >= one.begin && at + 1 < one.end;
    const bool came = next != found.end() && Same(*next, one.request);
    Check(came != hit, "damage costs the record it touches and no other");
    if (came) ++next;
  }
  Check(next == found.end(), "damage makes no record");

  // A torn end: everything before it comes.
  file[at] = static_cast<char>(file[at] ^ bit);
  file.resize(at);
  const auto whole = std::count_if(written.begin(), written.end(),
                                   [at](const Written& one) { return one.end - 1 <= at; });
  Check(static_cast<std::ptrdiff_t>(RequestsIn(file).size()) == whole,
        "a torn file gives every whole record");
}

}  // namespace
}  // namespace imrelay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = imrelay::InputOf(data, size);
  imrelay::RequestsIn(input);
  imrelay::CheckFlipped(input);
  return 0;
}
