#include "http/address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace imrelay {
namespace {

struct Network4 {
  std::uint32_t address;
  int bits;
};

constexpr std::uint32_t Ip(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr Network4 kReserved4[] = {
    {Ip(0, 0, 0, 0), 8},        // this network
    {Ip(10, 0, 0, 0), 8},       // private
    {Ip(100, 64, 0, 0), 10},    // shared by carriers
    {Ip(169, 254, 0, 0), 16},   // link-local: metadata services of clouds live here
    {Ip(172, 16, 0, 0), 12},    // private
    {Ip(192, 0, 0, 0), 24},     // protocol assignments
    {Ip(192, 0, 2, 0), 24},     // documentation
    {Ip(192, 88, 99, 0), 24},   // 6to4 relays
    {Ip(192, 168, 0, 0), 16},   // private
    {Ip(198, 18, 0, 0), 15},    // benchmarks
    {Ip(198, 51, 100, 0), 24},  // documentation
    {Ip(203, 0, 113, 0), 24},   // documentation
    {Ip(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

AddressKind KindOf4(std::uint32_t address) {
  if (address >> 24 == 127) return AddressKind::kLoopback;
  const bool reserved =
      std::any_of(std::begin(kReserved4), std::end(kReserved4), [address](const Network4& network) {
        return (address ^ network.address) >> (32 - network.bits) == 0;
      });
  return reserved ? AddressKind::kReserved : AddressKind::kPublic;
}

using Bytes16 = std::array<std::uint8_t, 16>;

AddressKind KindOf6(const Bytes16& bytes) {
  constexpr Bytes16 kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::array<std::uint8_t, 12> kNat64 = {0x00, 0x64, 0xFF, 0x9B};
  if (bytes == kLoopback6) return AddressKind::kLoopback;
  if (std::equal(kNat64.begin(), kNat64.end(), bytes.begin())) {
    const AddressKind inner = KindOf4(Ip(bytes[12], bytes[13], bytes[14], bytes[15]));
    return inner == AddressKind::kPublic ? inner : AddressKind::kReserved;
  }
  if (bytes[0] >> 5 != 1) return AddressKind::kReserved;  // outside 2000::/3
  const std::uint32_t first = Ip(bytes[0], bytes[1], bytes[2], bytes[3]);
  const bool reserved = first >> 9 == 0x20010000 >> 9 ||  // 2001::/23: protocols, Teredo
                        first == 0x20010DB8 ||            // documentation
                        first >> 16 == 0x2002 ||          // 6to4
                        first >> 12 == 0x3FFF0;           // documentation
  return reserved ? AddressKind::kReserved : AddressKind::kPublic;
}

}  // namespace

AddressKind KindOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return KindOf4(ntohl(ipv4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    Bytes16 bytes;
    std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
    return KindOf6(bytes);
  }
  return AddressKind::kReserved;
}

}  // namespace imrelay
