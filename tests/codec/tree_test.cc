#include "codec/tree.h"

#include <doctest/doctest.h>

#include <ctime>
#include <string>

#include "tests/codec/tree_dump.h"

namespace imrelay {
namespace {

TEST_CASE("tree: sets an entry in place and keeps the order of insertion") {
  Tree tree;
  tree.Set("b", Tree("1"));
  tree.Set("a", Tree("2"));
  tree.Set("b", Tree("3"));

  REQUIRE(tree.items().size() == 2);
  CHECK(tree.items()[0].first == "b");
  CHECK(tree.items()[0].second.text() == "3");
  CHECK(tree.items()[1].first == "a");
}

TEST_CASE("tree: finds the same entries in a large map as in a small one") {
  Tree tree;
  for (int i = 0; i < 100; ++i) tree.Set(std::to_string(i * 7 % 100), Tree(std::to_string(i)));
  tree.Set("21", Tree("again"));

  REQUIRE(tree.items().size() == 100);
  for (int i = 0; i < 100; ++i) {
    const std::string* text = tree.FindText(std::to_string(i * 7 % 100));
    REQUIRE(text != nullptr);
    CHECK(*text == (i == 3 ? "again" : std::to_string(i)));
  }
  CHECK(tree.items()[3].second.text() == "again");
  CHECK(tree.Find("100") == nullptr);
  CHECK(tree.Find("") == nullptr);
}

// Searched one by one, these entries take several seconds of the processor's time, which does not
// depend on what else runs.
TEST_CASE("tree: look-ups in a large map do not take longer the more it holds") {
  Tree tree;
  const std::clock_t begin = std::clock();
  for (int i = 10000; i < 40000; ++i) tree.Set("a key of " + std::to_string(i), Tree());
  const std::clock_t taken = std::clock() - begin;

  CHECK(tree.items().size() == 30000);
  CHECK(taken < CLOCKS_PER_SEC);
}

TEST_CASE("tree: appends under the next free integer key as PHP does") {
  Tree tree;
  CHECK(tree.Append(Tree("x")) != nullptr);
  tree.Set("7", Tree("x"));
  tree.Set("3", Tree("x"));
  tree.Set("08", Tree("x"));
  CHECK(tree.Append(Tree("x")) != nullptr);

  CHECK(tree.Find("0") != nullptr);
  CHECK(tree.Find("8") != nullptr);
  CHECK(tree.items().size() == 5);
}

TEST_CASE("tree: counts on from a negative key, as PHP 8.2 does") {
  Tree tree;
  tree.Set("-5", Tree("x"));
  tree.Append(Tree("y"));

  CHECK(tree.items()[1].first == "-4");
}

TEST_CASE("tree: appends nothing once PHP_INT_MAX is taken") {
  Tree tree;
  tree.Set("9223372036854775807", Tree("x"));

  CHECK(tree.Append(Tree("y")) == nullptr);
  CHECK(tree.items().size() == 1);
}

TEST_CASE("tree: a text becomes a map when an entry is set or appended") {
  Tree set("text");
  set.Set("a", Tree("1"));
  Tree appended("text");
  appended.Append(Tree("1"));

  CHECK(Dump(set) == "{61:t31}");
  CHECK(Dump(appended) == "[t31]");
  CHECK(set.text().empty());
}

TEST_CASE("tree: any-case look-up prefers the exact key") {
  Tree tree;
  tree.Set("LINE", Tree("1"));
  tree.Set("line", Tree("2"));
  tree.Set("Map", Tree());

  CHECK(*tree.FindTextAnyCase("line") == "2");
  CHECK(*tree.FindTextAnyCase("Line") == "1");
  CHECK(tree.FindTextAnyCase("MAP") == nullptr);
  CHECK(tree.FindAnyCase("MAP") != nullptr);
  CHECK(tree.FindAnyCase("LIN") == nullptr);
}

TEST_CASE("tree: is a list only with the keys 0 to n-1 in order") {
  Tree list;
  list.Append(Tree("a"));
  list.Append(Tree("b"));
  Tree reversed;
  reversed.Set("1", Tree("b"));
  reversed.Set("0", Tree("a"));

  CHECK(Tree().is_list());
  CHECK(list.is_list());
  CHECK_FALSE(reversed.is_list());
  CHECK_FALSE(Tree("text").is_list());
}

TEST_CASE("tree: drops empty maps, and finds the rest after") {
  Tree tree;
  for (int i = 0; i < 40; ++i) tree.Set("k" + std::to_string(i), i % 2 ? Tree("") : Tree());

  tree.DropEmptyMaps();

  CHECK(tree.items().size() == 20);
  CHECK(tree.Find("k2") == nullptr);
  CHECK(tree.FindText("k39") != nullptr);
}

TEST_CASE("tree: a copy is whole and independent") {
  Tree tree;
  for (int i = 0; i < 40; ++i) tree.Set("k" + std::to_string(i), Tree("x"));
  Tree copy = tree;
  copy.Set("k5", Tree("y"));
  copy.Set("new", Tree("z"));

  CHECK(*tree.FindText("k5") == "x");
  CHECK(tree.Find("new") == nullptr);
  CHECK(*copy.FindText("new") == "z");
}

}  // namespace
}  // namespace imrelay
