#pragma once

#include <chrono>
#include <string>

#include "codec/tree.h"
#include "install/portal_api.h"
#include "install/registrar.h"
#include "install/visits.h"
#include "store/portal_store.h"
#include "store/store.h"
#include "web/http.h"
#include "web/request_pool.h"
#include "web/routes.h"
#include "web/settings_page.h"

namespace imrelay {

// The pages that Bitrix24 shows in a frame: the installation, and the settings of the connector on
// a line. Thread-safe; they wait on other servers, on threads of their own. Logs one line a page.
class Pages {
 public:
  Pages(Visits& visits, Registrar& registrar, PortalApi& api, PortalStore& portals, Store& store);

  // See PagePosts.
  void Handle(PageKind kind, const std::string& application, const Request& request, Tree body,
              Reply reply);

  // Answers what waits for its turn with 503 and takes nothing more; returns when the pages that
  // are being made are answered, which takes kLongestPage at most. Repeating it does nothing.
  void Stop();

 private:
  struct Asked;
  struct Told;
  using Moment = std::chrono::steady_clock::time_point;

  static void LogPage(const Asked& asked, const Told& told, int http);
  Response Answer(const Asked& asked, Told& told);
  Result<Visitor> FindVisitor(const Asked& asked);
  Result<PortalAccess> FindPortal(const Asked& asked, const Visitor& visitor);
  std::string AncestorOf(const Asked& asked, const Error& error, const Told& told);
  Response Refuse(const Asked& asked, const Error& error, Told& told);
  Response AnswerInstall(const Asked& asked, const Visitor& visitor, Told& told);
  Response AnswerSettings(const Asked& asked, const Visitor& visitor, Told& told);
  Response AnswerTestResult(const Asked& asked, const Visitor& visitor, Told& told);
  void Act(const Asked& asked, const PortalAccess& portal, SettingsPage& page, Told& told);
  void ActOnLine(const Asked& asked, const PortalAccess& portal, SettingsPage& page, Told& told);
  void BeginTest(const Asked& asked, const PortalAccess& portal, SettingsPage& page);
  Status FillIn(const Asked& asked, const PortalAccess& portal, SettingsPage& page);
  Result<bool> HasTestArrived(const MemberId& member_id, std::int64_t after);

  Visits& visits_;
  Registrar& registrar_;
  PortalApi& api_;
  PortalStore& portals_;
  Store& store_;
  RequestPool pool_;
};

// How long a page may wait for other servers, its turn included. nginx waits for a minute, and a
// worker that is told to stop has half of one.
inline constexpr std::chrono::seconds kLongestPage{25};

}  // namespace imrelay
