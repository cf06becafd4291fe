#include "admin/portal_checks.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/admin/planted_portal_faults.h"

namespace imrelay {
namespace {

using Level = Finding::Level;

TEST_CASE("portal_checks: a healthy portal has nothing but ok") {
  const Findings findings = CheckPortal(WellPortal(), kSightTaken);

  CHECK(findings.size() == 11);
  for (const Finding& finding : findings) {
    CAPTURE(finding.check);
    CHECK(finding.level == Level::kOk);
    CHECK(finding.subject == "abc (some.bitrix24.com)");
    CHECK(finding.mend.empty());
  }
}

TEST_CASE("portal_checks: each fault is found, told with its mend, and alone") {
  for (const PlantedFault& fault : PlantedPortalFaults()) {
    CAPTURE(fault.name);
    PortalSight sight = WellPortal();
    fault.plant(sight);

    const Findings findings = CheckPortal(sight, kSightTaken);

    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&fault](const Finding& f) { return f.check == fault.check; });
    REQUIRE(found != findings.end());
    CHECK(found->level == fault.level);
    CHECK_MESSAGE(found->found.find(fault.words) != std::string::npos, found->found);
    CHECK_MESSAGE(found->mend.find(fault.mend) != std::string::npos, found->mend);
    CHECK((fault.level == Level::kOk) == found->mend.empty());
    CHECK(found->remedy.has_value() == fault.remedy.has_value());
    if (found->remedy && fault.remedy) {
      CHECK(found->remedy->act == *fault.remedy);
      CHECK(found->remedy->subject == "abc");
    }
    CHECK(std::count_if(findings.begin(), findings.end(), [](const Finding& f) {
            return f.level != Level::kOk;
          }) == (fault.level == Level::kOk ? 0 : 1));
  }
}

TEST_CASE("portal_checks: bindings that are still to be made are no failure") {
  PortalSight sight = WellPortal();
  sight.registration = {};
  sight.bindings = Bindings{{"ONA"}, {}, {}, {}};

  for (const Finding& finding : CheckPortal(sight, kSightTaken)) {
    CAPTURE(finding.check);
    CHECK(finding.level != Level::kFail);
  }
}

TEST_CASE("portal_checks: a queue that has not had its turn since the installation is no failure") {
  PortalSight sight = WellPortal();
  sight.queue.read_at = {};
  sight.portal.tokens_granted_at = kSightTaken - std::chrono::minutes(1);
  for (const Finding& finding : CheckPortal(sight, kSightTaken)) {
    if (finding.check == "offline queue") CHECK(finding.level == Level::kOk);
  }
}

TEST_CASE("portal_checks: an uninstalled portal is asked for nothing") {
  PortalSight sight = WellPortal();
  sight.portal.status = PortalStatus::kUninstalled;

  CHECK(CheckPortal(sight, kSightTaken).size() == 1);
}

}  // namespace
}  // namespace imrelay
