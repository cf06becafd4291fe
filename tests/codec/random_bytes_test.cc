#include <doctest/doctest.h>

#include <random>
#include <string>

#include "base/utf8.h"
#include "codec/body.h"
#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"
#include "tests/codec/test_files.h"
#include "tests/codec/tree_dump.h"

namespace imrelay {
namespace {

// Everything that is ever done to a body. What it must not do is crash; what it must hold is
// checked here for every body.
void DoAll(BodyFormat format, const std::string& body) {
  CAPTURE(Hex(body));
  const Result<Tree> tree = ParseBody(format, body);
  const std::string kept = WithoutTokens(format, body);
  if (!tree) {
    CHECK_FALSE(tree.error().reason.empty());
    return;
  }
  CHECK((kept.empty() || FormatOfJournalled(kept) == format));
  CHECK(ParseBody(format, kept.empty() && format == BodyFormat::kJson ? "{}" : kept).has_value());
  const std::string json = ToJson(*tree);
  CHECK(IsValidUtf8(json));
  const Result<Event> event = DecodeEvent(*tree);
  if (!event) return;
  CHECK(IsValidUtf8(EventToJson(*event)));
  CHECK((event->unusable.empty() || (event->messages.empty() && event->dialogs.empty())));
  for (const EventMessage& message : event->messages) CHECK(IsValidUtf8(message.text));
}

class Noise {
 public:
  std::size_t Below(std::size_t limit) { return random_() % limit; }

  std::string Bytes(std::size_t longest) {
    std::string bytes(Below(longest), '\0');
    for (char& c : bytes) c = static_cast<char>(random_() & 0xFF);
    return bytes;
  }

  // A text of the bytes that mean something to the parsers.
  std::string Syntax(std::size_t longest) {
    static constexpr std::string_view kBytes = "[]{}\"\":,&&==%%5BbDd01e.-+\\unltrfas \xC3\xFF";
    std::string bytes(Below(longest), '\0');
    for (char& c : bytes) c = kBytes[Below(kBytes.size())];
    return bytes;
  }

  std::string Damage(std::string body) {
    for (std::size_t count = 1 + Below(6); count > 0; --count) {
      const std::size_t at = Below(body.size() + 1);
      if (Below(3) == 0) {
        body.erase(at, Below(20));
      } else {
        body.insert(at, Below(2) == 0 ? Bytes(4) : Syntax(6));
      }
    }
    return body;
  }

 private:
  std::mt19937_64 random_{2};
};

TEST_CASE("codec: random bytes crash nothing and come out in good form") {
  Noise noise;
  for (int i = 0; i < 1500; ++i) {
    for (const BodyFormat format : {BodyFormat::kForm, BodyFormat::kJson}) {
      DoAll(format, noise.Bytes(200));
      DoAll(format, noise.Syntax(200));
    }
  }
}

TEST_CASE("codec: damaged recorded bodies crash nothing and come out in good form") {
  Noise noise;
  for (auto path : WireForms()) {
    const std::string form = ReadFile(path);
    const std::string json = ReadFile(path.replace_extension(".json"));
    REQUIRE_FALSE(json.empty());
    for (int i = 0; i < 120; ++i) {
      DoAll(BodyFormat::kForm, noise.Damage(form));
      DoAll(BodyFormat::kJson, noise.Damage(json));
    }
  }
}

}  // namespace
}  // namespace imrelay
