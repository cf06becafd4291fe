#include "codec/json.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "codec/form.h"
#include "tests/codec/tree_dump.h"

namespace imrelay {
namespace {

// The tree, or why there is none.
std::string Read(std::string_view body) {
  const Result<Tree> tree = ParseJson(body);
  return tree ? Dump(*tree) : tree.error().reason;
}

std::string Form(std::string_view body) {
  const Result<Tree> tree = ParseForm(body);
  return tree ? Dump(*tree) : tree.error().reason;
}

std::string Lists(int levels) {
  std::string body = R"({"a":)";
  for (int i = 1; i < levels; ++i) body += "[";
  body += "1";
  for (int i = 1; i < levels; ++i) body += "]";
  return body + "}";
}

std::string ListOf(int count, std::string_view element) {
  std::string body = R"({"a":[)";
  for (int i = 0; i < count; ++i) body.append(i > 0 ? "," : "").append(element);
  return body + "]}";
}

TEST_CASE("json: gives the tree that the same data gives as a form") {
  CHECK(Read(R"({"a":{"b":"x y","c":["1","2"]},"d":"é"})") ==
        Form("a[b]=x+y&a[c][0]=1&a[c][1]=2&d=%C3%A9"));
}

TEST_CASE("json: numbers keep their decimal text, true is 1 and false is 0") {
  CHECK(
      Read(R"({"a":107,"b":-12.50,"c":9223372036854775808,"d":true,"e":false,"f":0,"g":-1e+2})") ==
      Form("a=107&b=-12.50&c=9223372036854775808&d=1&e=0&f=0&g=-1e%2B2"));
}

TEST_CASE("json: null and empty containers leave no key behind") {
  CHECK(Read(R"({"a":null,"b":[],"c":{},"d":{"e":[{}]},"f":""})") == Form("f="));
  CHECK(Read(R"({"a":[null,"x",[]]})") == Form("a[1]=x"));
  CHECK(Read("{}") == "[]");
}

TEST_CASE("json: the last of a repeated key wins") {
  CHECK(Read(R"({"a":"1","b":"2","a":"3"})") == Form("a=3&b=2"));
  CHECK(Read(R"({"a":"1","b":"2","a":null})") == Form("b=2"));
}

TEST_CASE("json: keeps bytes that are no UTF-8, and escaped NULs") {
  CHECK(Read("{\"a\":\"\xff\"}") == "{61:tff}");
  CHECK(Read(R"({"a":"\u0000"})") == "{61:t00}");
}

TEST_CASE("json: refuses what is no JSON object") {
  for (const std::string_view body :
       {"", " ", "[]", "[1]", "1", "null", "\"a\"", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{\"a\":1} x", "{\"a\":01}", "{'a':1}", "{\"a\":NaN}", "{\"a\":\"\\ud800\"}", "a=1"}) {
    CAPTURE(body);
    CHECK(Read(body) == "bad_json");
  }
  CHECK(Read(std::string_view("{\"a\":1}\0x", 9)) == "bad_json");
}

TEST_CASE("json: takes 16 levels and refuses 17") {
  CHECK(ParseJson(Lists(16)).has_value());
  CHECK(Read(Lists(17)) == "too_deep");
  CHECK(Read(R"({"a":)" + std::string(500000, '[')) == "too_deep");
}

TEST_CASE("json: takes 4000 values and refuses 4001, empty ones too") {
  CHECK(ParseJson(ListOf(4000, "1")).has_value());
  CHECK(Read(ListOf(4001, "1")) == "too_many_keys");
  CHECK(Read(ListOf(4001, "[]")) == "too_many_keys");
  CHECK(Read(ListOf(4001, "null")) == "too_many_keys");
}

TEST_CASE("json: takes a body of 1 MiB and refuses one byte more") {
  const std::string frame = R"({"a":""})";
  const std::string filling(kMaxBodyBytes - frame.size(), 'x');

  CHECK(ParseJson(R"({"a":")" + filling + "\"}").has_value());
  CHECK(Read(R"({"a":")" + filling + "x\"}") == "body_too_large");
}

TEST_CASE("json: writes lists as arrays, other maps as objects, slashes and Unicode unescaped") {
  const Result<Tree> tree = ParseForm(
      "a[]=1&a[]=2&b[1]=x&c=/é\"\n&d="
      "\xF0\x9F\x98\x80");

  REQUIRE(tree);
  CHECK(ToJson(*tree) == R"({"a":["1","2"],"b":{"1":"x"},"c":"/é\"\n","d":")"
                         "\xF0\x9F\x98\x80"
                         R"("})");
  CHECK(ToJson(Tree()) == "[]");
}

TEST_CASE("json: writes ill-formed UTF-8 as U+FFFD, in keys too") {
  Tree tree;
  tree.Set("k\xff", Tree("a\xC3"));

  CHECK(ToJson(tree) == "{\"k\xEF\xBF\xBD\":\"a\xEF\xBF\xBD\"}");
}

TEST_CASE("json: indents pretty text by two blanks") {
  const Result<Tree> tree = ParseForm("a[b]=1&c[]=2");

  REQUIRE(tree);
  CHECK(ToJson(*tree, true) ==
        "{\n  \"a\": {\n    \"b\": \"1\"\n  },\n  \"c\": [\n    \"2\"\n  ]\n}");
}

TEST_CASE("json writer: writes every kind of value, and raw text as it is") {
  for (const bool pretty : {false, true}) {
    JsonWriter writer(pretty);
    writer.BeginObject().Key("a").Integer(-5).Key("b").Bool(true).Key("c").Null();
    writer.Key("d").BeginArray().String("x").Raw(R"({"y":1})").EndArray().EndObject();
    std::string text = std::move(writer).Take();
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });

    CHECK(text == R"({"a":-5,"b":true,"c":null,"d":["x",{"y":1}]})");
  }
}

TEST_CASE("json writer: can be moved while it writes") {
  JsonWriter writer;
  writer.BeginArray().Integer(1);
  JsonWriter moved = std::move(writer);
  moved.Integer(2).EndArray();

  CHECK(moved.Take() == "[1,2]");
}

}  // namespace
}  // namespace imrelay
