#include "base/log.h"

#include <doctest/doctest.h>

#include <string>

namespace imrelay {
namespace {

TEST_CASE("log: plain values stand as they are") {
  CHECK(LogValue("ONIMCONNECTORMESSAGEDELETE") == "ONIMCONNECTORMESSAGEDELETE");
  CHECK(LogValue("https://a.b/c?d&e:1,2;[x]'y'") == "https://a.b/c?d&e:1,2;[x]'y'");
}

TEST_CASE("log: values that could be misread are quoted") {
  CHECK(LogValue("") == "\"\"");
  CHECK(LogValue("a b") == "\"a b\"");
  CHECK(LogValue("a=b") == "\"a=b\"");
  CHECK(LogValue("a\"b\\c") == "\"a\\\"b\\\\c\"");
}

TEST_CASE("log: a value can start no line and send nothing to a terminal") {
  CHECK(LogValue("a\nb\r\t") == "\"a\\x0ab\\x0d\\x09\"");
  CHECK(LogValue(std::string_view("\0\x1b[2J\x7f\xff", 7)) == "\"\\x00\\x1b[2J\\x7f\\xff\"");
}

TEST_CASE("log: long values are cut at 200 bytes") {
  const std::string longest(200, 'x');

  CHECK(LogValue(longest) == longest);
  CHECK(LogValue(longest + "y") == longest + "...");
}

}  // namespace
}  // namespace imrelay
