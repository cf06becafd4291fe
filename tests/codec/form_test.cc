#include "codec/form.h"

#include <doctest/doctest.h>

#include <string>

#include "codec/json.h"

namespace imrelay {
namespace {

std::string Json(std::string_view body) {
  const Result<Tree> tree = ParseForm(body);
  return tree ? ToJson(*tree) : tree.error().reason;
}

// a[b][b]… of as many levels.
std::string Nested(int levels) {
  std::string body = "a";
  for (int i = 1; i < levels; ++i) body += "[b]";
  return body + "=1";
}

std::string Pairs(int count, std::string_view prefix) {
  std::string body;
  for (int i = 0; i < count; ++i) body += std::string(prefix) + std::to_string(i) + "=1&";
  return body;
}

TEST_CASE("form: reads nested keys with encoded and raw brackets") {
  CHECK(Json("a[b][c]=1&a%5Bb%5D%5bd%5d=2") == R"({"a":{"b":{"c":"1","d":"2"}}})");
}

TEST_CASE("form: decodes plus signs and either case of hexadecimal, and leaves the rest") {
  CHECK(Json("a=x+y%20z%2B%2b&b=%zz%4&c=100%") == R"({"a":"x y z++","b":"%zz%4","c":"100%"})");
}

TEST_CASE("form: the last of a repeated key wins, in the place of the first") {
  CHECK(Json("a=1&b=2&a=3") == R"({"a":"3","b":"2"})");
}

TEST_CASE("form: a text is overwritten by a map and the reverse") {
  CHECK(Json("a=1&a[b]=2") == R"({"a":{"b":"2"}})");
  CHECK(Json("a[b]=2&a=1") == R"({"a":"1"})");
}

TEST_CASE("form: appends where brackets are empty") {
  CHECK(Json("a[]=1&a[]=2&a[7]=3&a[]=4") == R"({"a":{"0":"1","1":"2","7":"3","8":"4"}})");
  CHECK(Json("a[][b]=1&a[][b]=2") == R"({"a":[{"b":"1"},{"b":"2"}]})");
}

TEST_CASE("form: dots and blanks become underscores in the outermost key only") {
  CHECK(Json("a.b c[d.e f]=1") == R"({"a_b_c":{"d.e f":"1"}})");
}

TEST_CASE("form: stray brackets are read as PHP reads them") {
  CHECK(Json("a[b=1&c]=2&[d]=3&e[f]g[h]=4&i[[j]=5") ==
        R"({"a_b":"1","c]":"2","e":{"f":"4"},"i":{"[j":"5"}})");
}

TEST_CASE("form: a raw NUL ends the body, an encoded one ends a name and stays in a value") {
  CHECK(Json(std::string_view("a=1&b=2\0&c=3", 12)) == R"({"a":"1","b":"2"})");
  CHECK(Json("a%00b=1%002") == R"({"a":"1\u00002"})");
}

TEST_CASE("form: keeps bytes that are no UTF-8") {
  const Result<Tree> tree = ParseForm("a=%ff%C3&%fe=x");

  REQUIRE(tree);
  CHECK(tree->items()[0].second.text() == "\xff\xc3");
  CHECK(tree->items()[1].first == "\xfe");
}

TEST_CASE("form: takes a body of 1 MiB and refuses one byte more") {
  const std::string largest = "a=" + std::string(kMaxBodyBytes - 2, 'x');

  CHECK(ParseForm(largest).has_value());
  CHECK(Json(largest + "x") == "body_too_large");
}

TEST_CASE("form: takes 16 levels and refuses 17") {
  CHECK(ParseForm(Nested(16)).has_value());
  CHECK(Json(Nested(17)) == "too_deep");
  CHECK(Json(Nested(100000)) == "too_deep");
}

TEST_CASE("form: counts no level for brackets that are none") {
  CHECK(ParseForm("a" + std::string(1000, '[') + "=1").has_value());
  CHECK(ParseForm("a]" + std::string(1000, ']') + "=1").has_value());
}

TEST_CASE("form: takes 4000 pairs and refuses 4001, whatever their keys") {
  CHECK(ParseForm(Pairs(4000, "a")).has_value());
  CHECK(Json(Pairs(4001, "a")) == "too_many_keys");
  CHECK(Json(Pairs(4001, "a=")) == "too_many_keys");
  CHECK(ParseForm(std::string(100000, '&') + "a=1").has_value());
}

TEST_CASE("form: takes 4000 long keys in one map") {
  const std::string long_beginning = "a[" + std::string(240, 'x');
  std::string body;
  for (int i = 0; i < 4000; ++i) body += long_beginning + std::to_string(i) + "]=&";
  REQUIRE(body.size() <= kMaxBodyBytes);

  const Result<Tree> tree = ParseForm(body);

  REQUIRE(tree);
  CHECK(tree->Find("a")->items().size() == 4000);
}

}  // namespace
}  // namespace imrelay
