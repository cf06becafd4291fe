#pragma once

#include <string>

#include "codec/tree.h"
#include "tests/portal/cloud.h"

namespace imrelay::stand_in {

// A REST call to a portal.
struct RestCall {
  std::string method;  // "imconnector.register"
  Tree parameters;     // of query and body
  std::string token;   // of `auth`, `access_token` or Authorization: Bearer
  std::string host;    // as called
  std::string target;  // path and query
};

// The portal's member_id, as far as the token tells it; else empty.
std::string MemberIdOf(const Cloud& cloud, const RestCall& call);

// What the portal answers, `time` included. Everything but the faults.
Reply AnswerCall(Cloud& cloud, const RestCall& call);

}  // namespace imrelay::stand_in
