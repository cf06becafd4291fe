#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "codec/form.h"
#include "tests/codec/test_files.h"
#include "tests/codec/tree_dump.h"

namespace imrelay {
namespace {

// Always the same bodies: a failure can be looked at again.
class BodyMaker {
 public:
  // A body as http_build_query() would make it of a random tree, in one of its many spellings.
  std::string OfTree() {
    std::string body;
    for (int pairs = Below(12); pairs >= 0; --pairs) {
      if (!body.empty()) body.push_back('&');
      std::string name = Encode(Word());
      for (int depth = Below(5); depth > 0; --depth) {
        const bool raw = Below(2) == 0;
        name += raw ? "[" : Spell("%5b");
        if (Below(5) > 0) name += Encode(Word());
        name += raw ? "]" : Spell("%5d");
      }
      body += name + "=" + Encode(Word() + Word());
    }
    return body;
  }

  // Whatever fragments may confuse a reader of names, one after the other.
  std::string OfStrays() {
    static const std::vector<std::string> kFragments = {"[",
                                                        "]",
                                                        "[",
                                                        "]",
                                                        "[]",
                                                        "a",
                                                        "b",
                                                        ".",
                                                        " ",
                                                        "+",
                                                        "%5B",
                                                        "%5d",
                                                        "%00",
                                                        "=",
                                                        "=",
                                                        "&",
                                                        "&",
                                                        "&",
                                                        "0",
                                                        "7",
                                                        "-",
                                                        "07",
                                                        "-1",
                                                        "[-9]",
                                                        "%",
                                                        "%z",
                                                        "%4",
                                                        "\xff",
                                                        "\xc3",
                                                        "\t",
                                                        "%0a",
                                                        ";",
                                                        "_Host-",
                                                        "_",
                                                        "_Secure-",
                                                        "__Host-",
                                                        "[3]",
                                                        "[a]",
                                                        "a[]",
                                                        "&a[b]",
                                                        "&a[x",
                                                        "&a[0][]=1",
                                                        "&a=1",
                                                        "[ ]",
                                                        "%20",
                                                        "__Secure-",
                                                        "[9223372036854775807]",
                                                        "[-9223372036854775808]",
                                                        "[9223372036854775806]",
                                                        "[9223372036854775808]",
                                                        "[-9223372036854775809]",
                                                        std::string(1, '\0'),
                                                        "%c3%A9",
                                                        "&a[-5]=x&a[]=y",
                                                        "&_.Host-[a]=1",
                                                        "a[__Host-x]",
                                                        "&a[b][c"};
    std::string body;
    for (int count = Below(24); count >= 0; --count) {
      // A raw NUL ends the body, so it must stay rare to leave the others a chance.
      const std::string& fragment =
          kFragments[static_cast<std::size_t>(Below(static_cast<int>(kFragments.size())))];
      if (fragment[0] == '\0' && Below(8) > 0) continue;
      body += fragment;
    }
    return body;
  }

  // A recorded body with a few bytes changed, moved, doubled or lost.
  std::string OfMutation(std::string body) {
    static constexpr std::string_view kBytes = "[]%=&+. \t5BbDd0aZ_-\xE2";
    for (int count = Below(8); count >= 0 && body.size() > 2; --count) {
      const auto at = static_cast<std::size_t>(Below(static_cast<int>(body.size())));
      const auto length = static_cast<std::size_t>(Below(30));
      switch (Below(4)) {
        case 0:
          body[at] = kBytes[static_cast<std::size_t>(Below(kBytes.size()))];
          break;
        case 1:
          body.insert(at, 1, kBytes[static_cast<std::size_t>(Below(kBytes.size()))]);
          break;
        case 2:
          body.erase(at, length);
          break;
        default:
          body.insert(at, body.substr(body.size() / 2, length));
          break;
      }
    }
    return body;
  }

 private:
  int Below(std::size_t limit) { return Below(static_cast<int>(limit)); }
  int Below(int limit) {
    return static_cast<int>(random_() % static_cast<std::mt19937_64::result_type>(limit));
  }

  std::string Word() {
    static const std::vector<std::string> kWords = {
        "a",   "b",   "id",  "MESSAGES", "0",   "1",  "2",  "7",        "07",
        "-0",  "-3",  "3.5", "x.y",      "x y", " x", "",   "é",        "😀",
        "a]b", "a[b", "=",   "&",        "%",   "+",  "\n", "\xff\xfe", "long key of words"};
    return kWords[static_cast<std::size_t>(Below(kWords.size()))];
  }

  std::string Spell(std::string hex) {
    if (Below(2) == 0) hex[2] = static_cast<char>(hex[2] - 'a' + 'A');
    return hex;
  }

  std::string Encode(const std::string& text) {
    static constexpr std::string_view kSafe = "abcxyzMESAGid0123456789.-_";
    std::string encoded;
    for (const char c : text) {
      if (kSafe.find(c) != std::string_view::npos) {
        encoded.push_back(c);
      } else if (c == ' ' && Below(2) == 0) {
        encoded.push_back('+');
      } else {
        std::string hex = Hex(std::string_view(&c, 1));
        if (Below(2) == 0 && hex[0] >= 'a') hex[0] = static_cast<char>(hex[0] - 'a' + 'A');
        if (Below(2) == 0 && hex[1] >= 'a') hex[1] = static_cast<char>(hex[1] - 'a' + 'A');
        encoded += "%" + hex;
      }
    }
    return encoded;
  }

  std::mt19937_64 random_{20260317};
};

// What the source of php_register_variable_ex() makes worth trying.
std::vector<std::string> ChosenBodies() {
  return {"",
          "&&a&b=",
          "=1",
          "a[b",
          "a.b[c.d e[f",
          "a[b]c[d]",
          "a[[b]",
          "a]",
          "[a]=1",
          "a[ b]=1",
          "a[ ]=1",
          "a[  ]=1",
          "a[\v]=1",
          "a[\xa0]=1",
          "a[b][c.d=1",
          "a[b][=1",
          "a[=1",
          "  .a=1",
          "a%00b=1",
          "a[b%00]=1",
          "a[%00]=1",
          "a=1%002",
          "a[7]=1&a[07]=2&a[-0]=3&a[-7]=4&a[]=5",
          "a[9223372036854775807]=1&a[]=2&b=3",
          "a[9223372036854775807]=1&a[][b]=2",
          "a[9223372036854775808]=1&a[]=2",
          "a[-9223372036854775808]=1&a[]=2&a[]=3",
          "a[-5]=1&a[]=2&a[]=3",
          "a[-1]=1&a[]=2",
          "a=1&a[b]=2",
          "a[b]=1&a=2",
          "a=1&a[]=2",
          "_.Host-a=1",
          "..Secure-a=1",
          "__Host-a=1",
          " __Host-a=1",
          "_[Host-a=1",
          "a[__Host-b]=1",
          "a=1&a[__Host-b]=1",
          "a[__Host-b][c]=1",
          "__Host-a[__Host-b]=1",
          "__Host-x[__Secure-b]=1",
          "a=b=c",
          "a=%zz%4%",
          "a=%C3%a9+%2B",
          "a[][b]=1&a[][b]=2",
          "a[]]=1",
          "a[[]]=1",
          "this=1",
          "GLOBALS[a]=1",
          "b=2" + std::string(1, '\0') + "c=3&d=4",
          "a[1]=x&a[0]=y&a[]=z",
          "7=1&07=2&-0=3",
          "a[[[[[[[[[[[[[[[[[[[[[[[[[[=1"};
}

std::vector<std::string> Bodies() {
  std::vector<std::string> bodies = ChosenBodies();
  std::vector<std::string> recorded;
  for (const auto& form : WireForms()) recorded.push_back(ReadFile(form));
  bodies.insert(bodies.end(), recorded.begin(), recorded.end());
  BodyMaker maker;
  for (std::size_t i = 0; i < 4000; ++i) {
    bodies.push_back(maker.OfTree());
    bodies.push_back(maker.OfStrays());
    bodies.push_back(maker.OfMutation(recorded[i % recorded.size()]));
  }
  return bodies;
}

// A directory of our own that goes with us.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "imrelay-codec-XXXXXX").string();
    if (mkdtemp(path.data()) != nullptr) path_ = path;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  std::string File(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

TEST_CASE("form: reads thousands of bodies exactly as PHP's parse_str does") {
  const std::vector<std::string> bodies = Bodies();
  const ScratchDirectory scratch;
  {
    std::ofstream input(scratch.File("bodies"));
    for (const std::string& body : bodies) input << Hex(body) << '\n';
    REQUIRE(input.flush());
  }
  const std::string command =
      "php -n -d max_input_vars=100000 -d max_input_nesting_level=64 '" IMRELAY_CODEC_TESTS
      "/parse_str_dump.php' < '" +
      scratch.File("bodies") + "' > '" + scratch.File("trees") + "'";
  const int status = system(command.c_str());
  REQUIRE_MESSAGE((WIFEXITED(status) && WEXITSTATUS(status) == 0), "php could not be run");

  std::ifstream trees(scratch.File("trees"));
  int different = 0;
  for (const std::string& body : bodies) {
    std::string expected;
    REQUIRE(std::getline(trees, expected));
    const Result<Tree> tree = ParseForm(body);
    const std::string actual = tree ? Dump(*tree) : tree.error().reason;
    if (actual == expected) continue;
    if (++different > 5) continue;
    CAPTURE(body);
    CHECK(actual == expected);
  }
  CHECK(different == 0);
}

}  // namespace
}  // namespace imrelay
