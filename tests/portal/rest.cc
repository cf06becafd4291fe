#include "tests/portal/rest.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "tests/portal/authorization.h"
#include "tests/portal/methods.h"

namespace imrelay::stand_in {
namespace {

// Source: b24restdocs, limits.md and data-types.md, "time".
PhpValue TimeOf(double start) {
  const double finish = static_cast<double>(UnixNow());
  std::string date = FormatUtc(FromUnixSeconds(UnixNow()));
  date.replace(date.size() - 1, 1, "+00:00");
  return PhpValue::Map({{"start", start},
                        {"finish", finish},
                        {"duration", 0.01},
                        {"processing", 0.01},
                        {"date_start", date},
                        {"date_finish", date},
                        {"operating_reset_at", UnixNow() + 600},
                        {"operating", 0.0}});
}

// Whether the call still fits into the portal's bucket.
bool Fits(const CallLimit& limit, Portal& portal) {
  if (limit.per_second <= 0) return true;
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> passed = now - portal.bucket_at;
  portal.bucket = std::max(0.0, portal.bucket - passed.count() * limit.per_second);
  portal.bucket_at = now;
  if (portal.bucket + 1 > limit.burst) {
    ++portal.limit_violations;
    return false;
  }
  portal.bucket += 1;
  return true;
}

bool WasCalledAtFormerAddress(const Portal& portal, const std::string& host) {
  const std::vector<std::string>& former = portal.former_addresses;
  return std::find(former.begin(), former.end(), host) != former.end();
}

}  // namespace

std::string MemberIdOf(const Cloud& cloud, const RestCall& call) {
  if (cloud.ledger.Check(call.token) == TokenLedger::Access::kUnknown) return {};
  return cloud.ledger.HolderOf(call.token).member_id;
}

Reply AnswerCall(Cloud& cloud, const RestCall& call) {
  Portal* portal = cloud.FindPortal(MemberIdOf(cloud, call));
  if (portal != nullptr) {
    if (portal->deleted) return Refuse(403, "PORTAL_DELETED", "Portal was deleted");
    if (WasCalledAtFormerAddress(*portal, call.host)) {
      return Reply{302, PhpValue(), "http://" + portal->address + call.target};
    }
    if (!Fits(cloud.limit, *portal)) {
      return Refuse(503, "QUERY_LIMIT_EXCEEDED", "Too many requests");
    }
  }
  if (Reply refused = CheckAccess(cloud, call.token); refused.status != 200) return refused;
  const TokenHolder& holder = cloud.ledger.HolderOf(call.token);
  Installation* installation = cloud.FindInstallation(*portal, holder.client_id);
  if (installation == nullptr) {
    return Refuse(401, "APPLICATION_NOT_FOUND", "Application not found");
  }
  if (installation->payment_expired) return Refuse(402, "PAYMENT_REQUIRED", "Payment required");

  const MethodRule* rule = FindMethod(call.method);
  if (rule == nullptr) return Refuse(404, "ERROR_METHOD_NOT_FOUND", "Method not found!");
  if (*rule->scope != '\0' && !HasScope(holder.scope, rule->scope)) {
    return Refuse(403, "insufficient_scope",
                  "The request requires higher privileges than provided by the access token");
  }
  if (rule->admin && !holder.admin) return Refuse(403, "ACCESS_DENIED", "Access denied!");
  Caller caller{cloud, *portal, *installation, holder.user_id, holder.admin, holder.scope};
  const double start = static_cast<double>(UnixNow());
  Reply reply = rule->method(caller, call.parameters);
  if (reply.status == 200) reply.body.Set("time", TimeOf(start));
  return reply;
}

}  // namespace imrelay::stand_in
