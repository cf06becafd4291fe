#include "admin/table_text.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

Table::Cell Text(std::string text) { return {std::move(text), false}; }
Table::Cell Number(std::string text) { return {std::move(text), true}; }
Table::Cell Nothing() { return {}; }

TEST_CASE("table_text: columns are aligned, what is unknown is a dash") {
  Table table;
  table.columns = {"id", "name", "last"};
  table.rows = {{Number("1"), Text("short"), Text("x")}, {Number("1000"), Nothing(), Text("yy")}};

  CHECK(TableText(table) ==
        "id    name   last\n"
        "1     short  x\n"
        "1000  -      yy\n");
}

TEST_CASE("table_text: without rows there are the names of the columns") {
  Table table;
  table.columns = {"id", "name"};

  CHECK(TableText(table) == "id  name\n");
  CHECK(TableJson(table) == "[]\n");
}

TEST_CASE("table_text: a letter of several bytes takes one place") {
  Table table;
  table.columns = {"a", "b"};
  table.rows = {{Text("\xC3\xA4\xC3\xB6\xC3\xBC"), Text("1")}, {Text("abc"), Text("2")}};

  CHECK(TableText(table) ==
        "a    b\n"
        "\xC3\xA4\xC3\xB6\xC3\xBC  1\n"
        "abc  2\n");
}

TEST_CASE("table_text: no value acts on the terminal") {
  Table table;
  table.columns = {"a"};
  // ESC [ 31 m; a line break; a carriage return; DEL; the one-character CSI of ISO 6429.
  table.rows = {
      {Text("\x1B[31m\n\r\x7F\xC2\x9B"
            "31m")}};

  CHECK(TableText(table) == "a\n?[31m????31m\n");
  CHECK(RecordText(table, 0) == "a: ?[31m????31m\n");
}

TEST_CASE("table_text: bytes that are no UTF-8 are replaced") {
  Table table;
  table.columns = {"a"};
  table.rows = {{Text("x\xFFy")}};

  CHECK(TableText(table) == "a\nx\xEF\xBF\xBDy\n");
  CHECK(RecordJson(table, 0) == "{\n  \"a\": \"x\xEF\xBF\xBDy\"\n}\n");
}

TEST_CASE("table_text: a record leaves out what is unknown") {
  Table table;
  table.columns = {"id", "name", "empty"};
  table.rows = {{Number("1"), Nothing(), Text("")}};

  CHECK(RecordText(table, 0) == "id: 1\nempty: \n");
}

TEST_CASE("table_text: JSON has numbers as numbers, texts as texts and null") {
  Table table;
  table.columns = {"id", "text", "unknown"};
  table.rows = {{Number("9223372036854775807"), Text("0042 \"q\" \n"), Nothing()},
                {Number("-1"), Text("true"), Nothing()}};

  CHECK(TableJson(table) == R"([
  {
    "id": 9223372036854775807,
    "text": "0042 \"q\" \n",
    "unknown": null
  },
  {
    "id": -1,
    "text": "true",
    "unknown": null
  }
]
)");
}

}  // namespace
}  // namespace imrelay
