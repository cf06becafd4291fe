#include "base/secret.h"

#include <doctest/doctest.h>

#include <ostream>
#include <type_traits>
#include <utility>

namespace imrelay {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <class T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};

TEST_CASE("secret: cannot be printed, compared or made by accident") {
  CHECK_FALSE(Printable<Secret>);
  CHECK_FALSE(Comparable<Secret>);
  CHECK_FALSE(std::is_convertible_v<std::string, Secret>);
  CHECK_FALSE(std::is_convertible_v<Secret, std::string>);
}

TEST_CASE("secret: reveals what it was given, and its copy does too") {
  const Secret secret("a long secret that does not fit into the string itself");
  Secret copy = secret;
  Secret assigned("shorter");
  assigned = secret;

  CHECK(secret.Reveal() == "a long secret that does not fit into the string itself");
  CHECK(copy.Reveal() == secret.Reveal());
  CHECK(assigned.Reveal() == secret.Reveal());
  CHECK(Secret().empty());
  CHECK_FALSE(secret.empty());
}

TEST_CASE("secret: leaves nothing behind when it is moved from") {
  for (const char* value : {"short", "a long secret that does not fit into the string itself"}) {
    Secret from{std::string(value)};
    Secret constructed = std::move(from);
    CHECK(constructed.Reveal() == value);
    CHECK(from.empty());  // NOLINT(bugprone-use-after-move)

    Secret assigned("an earlier one");
    assigned = std::move(constructed);
    CHECK(assigned.Reveal() == value);
    CHECK(constructed.empty());  // NOLINT(bugprone-use-after-move)
  }
}

TEST_CASE("secret: survives being assigned to itself") {
  Secret secret("value");
  Secret& same = secret;
  secret = same;
  CHECK(secret.Reveal() == "value");
  secret = std::move(same);
  CHECK(secret.Reveal() == "value");
}

}  // namespace
}  // namespace imrelay
