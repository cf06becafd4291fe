#pragma once

struct sockaddr;

namespace imrelay {

enum class AddressKind {
  kPublic,
  kLoopback,
  kReserved,  // private, link-local, shared, multicast, documentation, unspecified: never ours to
              // call
};

// What kind of host an IPv4 or IPv6 address belongs to, by the IANA special-purpose registries
// (RFC 6890 and its updates, read 2024). A NAT64 address (64:ff9b::/96) is what the IPv4 address
// in it is; any other IPv6 address outside 2000::/3 is reserved, IPv4-mapped ones too.
AddressKind KindOf(const sockaddr& address);

}  // namespace imrelay
