#include "admin/doctor.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

const Remedy kChmod{Remedy::Act::kChangeMode, "/x/key", "600"};

TEST_CASE("doctor: one line a finding, with the mend of what is not well") {
  const Findings findings{Ok("database", "/x/db", "no damage"),
                          Warn("clock", "", "90 s late", "set it"),
                          Broken("file", "/x/key", "mode 0644", "chmod 600 /x/key", kChmod)};

  const Output output = ShowFindings(findings, OutputFormat::kText);

  CHECK(output.text ==
        "ok    database /x/db: no damage\n"
        "warn  clock: 90 s late; mend: set it\n"
        "fail  file /x/key: mode 0644; mend: chmod 600 /x/key (or: imrelay doctor --fix)\n"
        "1 ok, 1 warn, 1 fail\n");
  CHECK_FALSE(output.found);
}

TEST_CASE("doctor: a warning is no failure") {
  CHECK(ShowFindings({Warn("clock", "", "late", "set it")}, OutputFormat::kText).found);
}

TEST_CASE("doctor: hostile values neither begin a line nor reach the terminal") {
  const Output output =
      ShowFindings({Ok("portal", "x\nfail  y", "\x1b[2J\xC2\x9B")}, OutputFormat::kText);

  CHECK(output.text == "ok    portal x?fail  y: ?[2J?\n1 ok, 0 warn, 0 fail\n");
}

TEST_CASE("doctor: JSON says what is unknown with null") {
  Finding mended = Ok("file", "/x/key", "mode 0600");
  mended.mended = "chmod 600";

  const std::string json =
      ShowFindings({mended, Broken("file", "", "a", "b", kChmod)}, OutputFormat::kJson).text;

  CHECK(json ==
        "[\n"
        "  {\n"
        "    \"level\": \"ok\",\n"
        "    \"check\": \"file\",\n"
        "    \"subject\": \"/x/key\",\n"
        "    \"found\": \"mode 0600\",\n"
        "    \"mend\": null,\n"
        "    \"fixable\": false,\n"
        "    \"mended\": \"chmod 600\"\n"
        "  },\n"
        "  {\n"
        "    \"level\": \"fail\",\n"
        "    \"check\": \"file\",\n"
        "    \"subject\": null,\n"
        "    \"found\": \"a\",\n"
        "    \"mend\": \"b\",\n"
        "    \"fixable\": true,\n"
        "    \"mended\": null\n"
        "  }\n"
        "]\n");
}

TEST_CASE("doctor: without --fix nothing is changed") {
  const Findings found =
      Examine([] { return Findings{Broken("file", "/x/key", "mode 0644", "chmod", kChmod)}; }, {});

  REQUIRE(found.size() == 1);
  CHECK(found[0].level == Finding::Level::kFail);
}

TEST_CASE("doctor: what was mended is looked at again, and told") {
  std::string mode = "0644";
  const Check look = [&mode] {
    return mode == "0600" ? Findings{Ok("file", "/x/key", "mode 0600")}
                          : Findings{Broken("file", "/x/key", "mode " + mode, "chmod", kChmod)};
  };

  const Findings found = Examine(look, [&mode](const Remedy&) -> Result<std::string> {
    mode = "0600";
    return "chmod 600";
  });

  REQUIRE(found.size() == 1);
  CHECK(found[0].level == Finding::Level::kOk);
  CHECK(found[0].mended == "chmod 600");
}

TEST_CASE("doctor: a remedy of several findings is carried out once") {
  int times = 0;
  const Remedy remedy{Remedy::Act::kRegister, "abc"};
  const Check look = [&times, &remedy] {
    if (times > 0) return Findings{Ok("bindings", "abc", "all")};
    return Findings{Broken("bindings", "abc", "missing", "bind", remedy),
                    Warn("stale bindings", "abc", "old", "unbind", remedy)};
  };

  const Findings found = Examine(look, [&times](const Remedy&) -> Result<std::string> {
    ++times;
    return "registered";
  });

  CHECK(times == 1);
  REQUIRE(found.size() == 2);
  CHECK(found[0].mended == "registered");
  CHECK(found[1].check == "stale bindings");  // nobody speaks of them any more
  CHECK(found[1].level == Finding::Level::kOk);
  CHECK(found[1].mended == "registered");
}

TEST_CASE("doctor: a remedy that failed leaves the failure and says why") {
  const Findings found =
      Examine([] { return Findings{Broken("file", "/x/key", "mode 0644", "chmod", kChmod)}; },
              [](const Remedy&) -> Result<std::string> {
                return Fail(ErrorCode::kUnavailable, "not permitted");
              });

  REQUIRE(found.size() == 1);
  CHECK(found[0].level == Finding::Level::kFail);
  CHECK(found[0].mended == "tried, not permitted");
}

}  // namespace
}  // namespace imrelay
