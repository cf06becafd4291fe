#include "http/address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

namespace imrelay {
namespace {

AddressKind KindOfText(const std::string& text) {
  sockaddr_storage storage{};
  if (text.find(':') != std::string::npos) {
    auto& ipv6 = reinterpret_cast<sockaddr_in6&>(storage);
    ipv6.sin6_family = AF_INET6;
    REQUIRE(inet_pton(AF_INET6, text.c_str(), &ipv6.sin6_addr) == 1);
  } else {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(storage);
    ipv4.sin_family = AF_INET;
    REQUIRE(inet_pton(AF_INET, text.c_str(), &ipv4.sin_addr) == 1);
  }
  return KindOf(reinterpret_cast<const sockaddr&>(storage));
}

TEST_CASE("address: tells public addresses") {
  for (const char* text :
       {"1.1.1.1",         "9.255.255.255",      "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.1",          "169.253.255.255", "172.15.255.255", "172.32.0.0",
        "192.167.255.255", "192.169.0.0",        "195.208.184.200", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2a00:1450:4001::8a", "2606:4700::1111", "2001:200::1",    "2001:db9::1",
        "3fff:1000::1",    "64:ff9b::101:101"}) {
    CAPTURE(text);
    CHECK(KindOfText(text) == AddressKind::kPublic);
  }
}

TEST_CASE("address: tells the loopback") {
  for (const char* text : {"127.0.0.1", "127.255.255.255", "::1"}) {
    CAPTURE(text);
    CHECK(KindOfText(text) == AddressKind::kLoopback);
  }
}

TEST_CASE("address: tells what nobody outside may make us call") {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.170",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::2",
                           "::ffff:1.1.1.1",
                           "::ffff:127.0.0.1",
                           "::1.1.1.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b::a00:1",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:1ff::1",
                           "2001:db8::1",
                           "2002:101:101::1",
                           "3fff::1",
                           "3fff:fff::1",
                           "5f00::1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1"}) {
    CAPTURE(text);
    CHECK(KindOfText(text) == AddressKind::kReserved);
  }
}

TEST_CASE("address: other families are reserved") {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;

  CHECK(KindOf(reinterpret_cast<const sockaddr&>(local)) == AddressKind::kReserved);
}

}  // namespace
}  // namespace imrelay
