#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace imrelay {

// A posted event that could not be committed when it came, and waits in a file until it can.
// Everything in it is hostile: who sent it is looked at when it is taken in.
struct SpooledRequest {
  TimePoint received_at;
  std::string path;          // "/bitrix24/event", without the query
  std::string content_type;  // as posted
  std::string remote_address;
  std::string body;  // with its tokens, so spool files are their owner's alone (0600)
};

// The longest body a record may have, as that of a request.
inline constexpr std::size_t kMaxSpooledBody = 1 << 20;

// One record of a spool file. Records follow one another with nothing between:
//   imrelay-spool 1 LENGTH CHECKSUM\n   of the payload: bytes in decimal; Digest() in hex
//   received MILLISECONDS\n path …\n type …\n remote …\n \n BODY   the payload
//   \n
// Readable with a pager, binary-safe, and found again behind damage by its first word: wherever
// that stands in the payload it is followed by a '>', which is taken away when it is read. So
// nobody can post a body with a record in it. Control characters of the path, the type and the
// address become '?', and what is longer than 1,024 bytes is cut.
std::string SpoolRecord(const SpooledRequest& request);

// What stands at one place of a spool file.
struct SpoolPiece {
  enum class Kind { kRequest, kDamage, kEnd };
  Kind kind = Kind::kEnd;
  SpooledRequest request;  // of kRequest
  std::size_t bytes = 0;   // how much of the file it is; 0 at the end
};

// Reads what stands at the beginning of `rest`, what is left of a file: a record, or everything
// that is none up to the next whole record or the end. So damage costs the records it touches and
// no other. Takes time in proportion to `rest`, whatever stands there.
SpoolPiece ReadSpool(std::string_view rest);

}  // namespace imrelay
