#include "codec/bbcode.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

namespace imrelay {
namespace {

struct Case {
  std::string_view bbcode;
  std::string_view plain;
};

TEST_CASE("bbcode: becomes the text that people read") {
  for (const Case& one : {
           Case{"", ""},
           Case{"Guten Tag!", "Guten Tag!"},
           Case{"[b]bold[/b] [I]italic[/I] [u]u[/u] [s]s[/s]", "bold italic u s"},
           Case{"one[br]two[BR]three", "one\ntwo\nthree"},
           Case{"[url=https://a.example/x?y=1]here[/url]", "here (https://a.example/x?y=1)"},
           Case{"[url=https://a.example]https://a.example[/url]", "https://a.example"},
           Case{"[url]https://a.example[/url]", "https://a.example"},
           Case{"[url=https://a.example][/url]", "https://a.example"},
           Case{"[url=https://a.example][b]here[/b][/url]", "here (https://a.example)"},
           Case{"[img]https://a.example/p.png[/img]", "https://a.example/p.png"},
           Case{"[send=/help]Help[/send] [put=/x]Put[/put]", "Help Put"},
           Case{"[user=5]Klaus Weber[/user], [call=+491234]call[/call]",
                "Klaus Weber, call (+491234)"},
           Case{"[size=20]big[/size] [color=#ff0000]red[/color]", "big red"},
           Case{"[img size=small]https://a.example/p.png[/img]", "https://a.example/p.png"},
           Case{"[icon=https://a.example/i.png size=20 title=big smile]", "big smile"},
           Case{"[call]+491234[/call]", "+491234"},
           Case{"[quote]said[/quote]", "said"},
           Case{"[code]a[b]c[/b][br][/CODE]d", "a[b]c[/b][br]d"},
       }) {
    CAPTURE(one.bbcode);
    CHECK(PlainText(one.bbcode) == one.plain);
  }
}

TEST_CASE("bbcode: what is no known tag stays as it is") {
  for (const std::string_view text :
       {"[", "]", "[]", "[[", "[/]", "[unknown]x[/unknown]", "a[1] = b[2]", "[b", "b]", "[=x]",
        "[/url]", "[code]never closed", "[/b x]", "[bold]", "[b2]", "[ b]", "[/br]",
        "[averyveryverylongnameofatag]"}) {
    CAPTURE(text);
    CHECK(PlainText(text) == text);
  }
  CHECK(PlainText("[[b]x[/b]]") == "[x]");
  CHECK(PlainText("[url=https://a.example]never closed") == "never closed (https://a.example)");
  CHECK(PlainText("[url=https://a.example]x[/call]") == "x[/call] (https://a.example)");
  CHECK(PlainText(std::string_view("a\0[b]\xff[/b]", 10)) == std::string_view("a\0\xff", 3));
}

TEST_CASE("bbcode: hostile texts are read in linear time, and grow no more than links do") {
  constexpr int kMany = 200'000;
  for (const std::string_view piece :
       {"[", "[code]", "[url=x]", "[url=x][/url]", "[/url]", "[b", "[b]", "[quote]",
        "[code][/code]", "[url=https://a.example][/url][code]"}) {
    CAPTURE(piece);
    std::string text;
    for (int i = 0; i < kMany; ++i) text += piece;
    CHECK(PlainText(text).size() <= text.size());
    CHECK(SplitSignature(text).signature.empty());
  }
}

TEST_CASE("bbcode: any bytes are read") {
  std::mt19937 random(7);
  constexpr std::string_view kBytes = "[]/=b:ru lcode*\xff";
  std::uniform_int_distribution<std::size_t> pick(0, kBytes.size() - 1);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int j = 0; j < 40; ++j) text += kBytes[pick(random)];
    CAPTURE(text);
    CHECK(PlainText(text).size() <= 2 * text.size());
    CHECK(SplitSignature(text).text.size() <= text.size());
  }
}

TEST_CASE("bbcode: the operator's name is split off, as new and edited messages carry it") {
  struct Signed {
    std::string_view bbcode;
    std::string_view signature;
    std::string_view text;
  };
  for (const Signed& one : {
           Signed{"[b]Klaus Weber:[/b] [br]Guten Tag!", "Klaus Weber", "Guten Tag!"},
           Signed{"[b]Klaus Weber:[/b][br] What?", "Klaus Weber", "What?"},
           Signed{"[B]Klaus:[/B][BR] [b]x[/b]", "Klaus", "[b]x[/b]"},
           Signed{"[b]A: B:[/b] [br] blank", "A: B", " blank"},
           Signed{"[b]Klaus:[/b] [br]", "Klaus", ""},
           Signed{"[b]Klaus:[/b] text", "", "[b]Klaus:[/b] text"},
           Signed{"[b]Klaus[/b] [br]text", "", "[b]Klaus[/b] [br]text"},
           Signed{"[b]:[/b] [br]text", "", "[b]:[/b] [br]text"},
           Signed{"x [b]Klaus:[/b] [br]text", "", "x [b]Klaus:[/b] [br]text"},
           Signed{"[b]Klaus:", "", "[b]Klaus:"},
           Signed{"", "", ""},
       }) {
    CAPTURE(one.bbcode);
    const SignedText split = SplitSignature(one.bbcode);
    CHECK(split.signature == one.signature);
    CHECK(split.text == one.text);
  }
}

}  // namespace
}  // namespace imrelay
