#include "domain/event.h"

#include <doctest/doctest.h>

#include <string>

namespace imrelay {
namespace {

TEST_CASE("event: every kind but kOther has a name of its own that leads back to it") {
  for (int i = 0; i < static_cast<int>(EventKind::kOther); ++i) {
    const auto kind = static_cast<EventKind>(i);
    CAPTURE(i);
    CHECK_FALSE(WireName(kind).empty());
    CHECK(KindOf(WireName(kind)) == kind);
  }
  CHECK(WireName(EventKind::kOther) == "");
}

TEST_CASE("event: names are known in any case") {
  CHECK(KindOf("OnImConnectorMessageDelete") == EventKind::kMessageDelete);
  CHECK(KindOf("onappinstall") == EventKind::kAppInstall);
}

TEST_CASE("event: what only resembles a name is another event") {
  for (const std::string name :
       {"", "ONAPPINSTAL", "ONAPPINSTALLX", " ONAPPINSTALL", "ONIMCONNECTORMESSAGEDELETED"}) {
    CAPTURE(name);
    CHECK(KindOf(name) == EventKind::kOther);
  }
  CHECK(KindOf(std::string_view("ONAPPTEST\0", 10)) == EventKind::kOther);
}

}  // namespace
}  // namespace imrelay
