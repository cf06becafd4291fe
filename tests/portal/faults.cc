#include "tests/portal/faults.h"

#include <algorithm>
#include <iterator>

namespace imrelay::stand_in {
namespace {

struct KnownError {
  const char* word;
  int status;
  const char* description;
};

// Sources: b24restdocs, settings/oauth/error-codes.md and limits.md; rest/lib/oauthexception.php.
constexpr KnownError kErrors[] = {
    {"expired_token", 401, "The access token provided has expired."},
    {"invalid_token", 401, "Unable to get application by token"},
    {"NO_AUTH_FOUND", 401, "Wrong authorization data"},
    {"insufficient_scope", 403, "The request requires higher privileges"},
    {"user_access_error", 403, "The user does not have access to the application."},
    {"authorization_error", 401, "Unable to authorize user"},
    {"ACCESS_DENIED", 403, "REST is available only on commercial plans."},
    {"APPLICATION_NOT_FOUND", 401, "Application not found"},
    {"CONNECTION_ERROR", 401, "Error connecting to authorization server"},
    {"WRONG_AUTH_TYPE", 403, "Current authorization type is denied for this method"},
    {"WRONG_LICENSE", 403, "Not available on the current plan"},
    {"QUERY_LIMIT_EXCEEDED", 503, "Too many requests"},
    {"OVERLOAD_LIMIT", 503, "REST API is blocked due to overload."},
    {"OPERATION_TIME_LIMIT", 429, "Method is blocked due to operation time limit."},
    {"PAYMENT_REQUIRED", 402, "Payment required"},
    {"ERROR_ARGUMENT", 400, "Wrong argument"},
    {"ERROR_CORE", 400, "Internal error"},
    {"NOT_ACTIVE_LINE", 400, "Line with this ID is not active or does not exist"},
    {"INTERNAL_SERVER_ERROR", 500, "Internal server error"},
    {"ERROR_UNEXPECTED_ANSWER", 500, "Server returned an unexpected response."},
    {"PORTAL_DELETED", 403, "Portal was deleted"},
    {"ERROR_METHOD_NOT_FOUND", 404, "Method not found!"},
    {"invalid_request", 400, "Invalid request"},
    {"invalid_grant", 400, "Invalid grant"},
    {"invalid_client", 401, "Invalid client"},
    {"wrong_client", 401, "Wrong client"},
    {"invalid_scope", 400, "Invalid scope"},
    {"bad_verification_code", 400, "Bad verification code"},
    {"portal_not_found", 404, "Portal not found"},
};

constexpr std::string_view kModes[] = {"none",    "down",   "drop_after", "cut",   "slow",
                                       "http500", "html",   "empty",      "error", "redirect",
                                       "lose",    "double", "hold"};

}  // namespace

bool Faults::Plan(PlannedFault fault) {
  if (std::find(std::begin(kModes), std::end(kModes), fault.mode) == std::end(kModes)) {
    const KnownError* known =
        std::find_if(std::begin(kErrors), std::end(kErrors),
                     [&](const KnownError& error) { return fault.mode == error.word; });
    if (known == std::end(kErrors)) return false;
    fault.mode = "error";
    fault.error = known->word;
    if (fault.description.empty()) fault.description = known->description;
    if (fault.status == 200) fault.status = known->status;
  }
  std::erase_if(planned_, [&](const PlannedFault& other) {
    return other.endpoint == fault.endpoint && other.member_id == fault.member_id &&
           (fault.mode == "none" || (fault.share <= 0 && other.share <= 0));
  });
  if (fault.mode != "none" && fault.count > 0) planned_.push_back(std::move(fault));
  return true;
}

void Faults::Clear() { planned_.clear(); }

std::optional<PlannedFault> Faults::Take(const std::vector<std::string>& endpoints,
                                         const std::string& member_id) {
  double drawn = std::uniform_real_distribution<double>(0, 1)(random_);
  for (const std::string& endpoint : endpoints) {
    for (auto found = planned_.begin(); found != planned_.end(); ++found) {
      if (found->endpoint != endpoint) continue;
      if (!found->member_id.empty() && found->member_id != member_id) continue;
      if (found->share > 0) {
        drawn -= found->share;
        if (drawn < 0) return *found;
        continue;
      }
      if (found->skip > 0) {
        --found->skip;
        return std::nullopt;
      }
      const PlannedFault fault = *found;
      if (--found->count <= 0) planned_.erase(found);
      return fault;
    }
  }
  return std::nullopt;
}

PhpValue Faults::Describe() const {
  PhpValue list = PhpValue::Map();
  for (const PlannedFault& fault : planned_) {
    list.Append(PhpValue::Map({{"endpoint", fault.endpoint},
                               {"mode", fault.mode},
                               {"error", fault.error},
                               {"member_id", fault.member_id},
                               {"count", fault.count},
                               {"share", fault.share}}));
  }
  return list;
}

}  // namespace imrelay::stand_in
