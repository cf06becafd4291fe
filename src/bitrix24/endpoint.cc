#include "bitrix24/endpoint.h"

#include <algorithm>

#include "codec/ascii.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestUrl = 2000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A name, an IPv4 address, or an IPv6 address in brackets. Names beyond ASCII come as punycode.
bool IsHost(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return !host.empty() && host.find_first_not_of("0123456789abcdef:.") == host.npos;
  }
  return !host.empty() &&
         host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == host.npos;
}

bool IsPort(std::string_view port) {
  return !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), IsDigit);
}

bool IsPath(std::string_view path) {
  return path.starts_with('/') && std::none_of(path.begin(), path.end(), [](char c) {
           return c <= ' ' || c >= 0x7F || c == '?' || c == '#' || c == '\\';
         });
}

}  // namespace

std::string Endpoint::Host() const {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

std::optional<Endpoint> ParseEndpoint(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (url.size() > kLongestUrl || scheme_end == url.npos) return std::nullopt;
  Endpoint endpoint;
  endpoint.scheme = LowerAscii(url.substr(0, scheme_end));
  if (endpoint.scheme != "https" && endpoint.scheme != "http") return std::nullopt;
  url.remove_prefix(scheme_end + 3);

  const std::size_t slash = std::min(url.find('/'), url.size());
  endpoint.path = slash == url.size() ? "/" : std::string(url.substr(slash));
  if (!IsPath(endpoint.path)) return std::nullopt;

  const std::string authority = LowerAscii(url.substr(0, slash));
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && authority.find(']', colon) == authority.npos;
  const std::string host = has_port ? authority.substr(0, colon) : authority;
  if (!IsHost(host)) return std::nullopt;
  endpoint.authority = host;
  if (!has_port) return endpoint;
  const std::string port = authority.substr(colon + 1);
  if (!IsPort(port)) return std::nullopt;
  if (port != (endpoint.scheme == "https" ? "443" : "80")) endpoint.authority += ':' + port;
  return endpoint;
}

}  // namespace imrelay
