#include "bitrix24/endpoint.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

TEST_CASE("endpoint: takes an address apart and lowers its host") {
  const auto endpoint = ParseEndpoint("HTTPS://Some-Domain.Bitrix24.com:8443/Rest/");

  REQUIRE(endpoint.has_value());
  CHECK(endpoint->scheme == "https");
  CHECK(endpoint->authority == "some-domain.bitrix24.com:8443");
  CHECK(endpoint->path == "/Rest/");
  CHECK(endpoint->Origin() == "https://some-domain.bitrix24.com:8443");
  CHECK(endpoint->Url() == "https://some-domain.bitrix24.com:8443/Rest/");
}

TEST_CASE("endpoint: leaves the default port out") {
  CHECK(ParseEndpoint("https://a.example:443/")->Origin() == "https://a.example");
  CHECK(ParseEndpoint("http://a.example:80")->Url() == "http://a.example/");
  CHECK(ParseEndpoint("http://a.example:443")->Origin() == "http://a.example:443");
}

TEST_CASE("endpoint: knows addresses in numbers") {
  CHECK(ParseEndpoint("http://127.0.0.1:8090/rest/")->authority == "127.0.0.1:8090");
  CHECK(ParseEndpoint("https://[2001:DB8::1]:8443/")->authority == "[2001:db8::1]:8443");
  CHECK(ParseEndpoint("https://[2001:db8::1]/")->authority == "[2001:db8::1]");
}

TEST_CASE("endpoint: takes nothing that two readers could read differently") {
  for (const char* url : {"",
                          "a.example",
                          "//a.example/",
                          "ftp://a.example/",
                          "https:/a.example",
                          "https://",
                          "https:///rest/",
                          "https://user@a.example/",
                          "https://user:pass@a.example/",
                          "https://a.example/?x=1",
                          "https://a.example?x",
                          "https://a.example/#x",
                          "https://a.example#@b.example/",
                          "https://a.example\\@b.example/",
                          "https://a.example/a\\b",
                          "https://a.example/a b",
                          "https://a.ex ample/",
                          "https://a.example\r\nX: y/",
                          "https://a.example:/",
                          "https://a.example:x/",
                          "https://a.example:123456/",
                          "https://[::1/",
                          "https://[]/",
                          "https://a%2eexample/",
                          "https://\xD0\xBF.example/",
                          "https://a.example/\x7F"}) {
    CAPTURE(url);
    CHECK_FALSE(ParseEndpoint(url).has_value());
  }
  CHECK_FALSE(ParseEndpoint("https://a.example/" + std::string(2000, 'a')).has_value());
}

}  // namespace
}  // namespace imrelay
