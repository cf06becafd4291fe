#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace imrelay {

// The address of a portal or a server, taken apart: scheme://host[:port]/path.
struct Endpoint {
  std::string scheme;     // "https" or "http"
  std::string authority;  // host[:port] in lower case, without the scheme's default port
  std::string path;       // begins with a slash

  std::string Origin() const { return scheme + "://" + authority; }
  std::string Url() const { return Origin() + path; }
  // Without the port; an IPv6 address without its brackets.
  std::string Host() const;
};

// None for anything with a user, a query, a fragment, blanks or control characters in it.
std::optional<Endpoint> ParseEndpoint(std::string_view url);

}  // namespace imrelay
