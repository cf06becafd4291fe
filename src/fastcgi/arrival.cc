#include "fastcgi/arrival.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace imrelay {
namespace {

// Well below what fits into a socket's buffer, which small writes fill sooner: beyond that the rest
// does not arrive until something is read.
constexpr std::size_t kMostSeen = 16 << 10;
constexpr std::size_t kHeader = 8;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kStdin = 5;

// Whether a request ends within the first `size` bytes.
bool HoldsRequest(const std::uint8_t* bytes, std::size_t size) {
  for (std::size_t at = 0; at + kHeader <= size;) {
    const std::uint8_t* record = bytes + at;
    if (record[0] != kVersion) return true;
    const std::size_t content = record[4] * std::size_t{256} + record[5];
    at += kHeader + content + record[6];
    if (record[1] == kStdin && content == 0 && at <= size) return true;
  }
  return false;
}

}  // namespace

Arrival LookAt(int fd) {
  std::array<std::uint8_t, kMostSeen> seen;
  const ssize_t got = recv(fd, seen.data(), seen.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Arrival::kNothing;
  // The peer has gone, and what it sent before was read already.
  if (got <= 0) return Arrival::kComplete;
  const auto size = static_cast<std::size_t>(got);
  if (HoldsRequest(seen.data(), size)) return Arrival::kComplete;
  return size == seen.size() ? Arrival::kLarge : Arrival::kPart;
}

}  // namespace imrelay
