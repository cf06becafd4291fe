#include "tests/portal/stand_in.h"

#include <utility>

#include "codec/json.h"
#include "tests/portal/cloud.h"
#include "tests/portal/control.h"
#include "tests/portal/frame.h"
#include "tests/portal/loopback_server.h"
#include "tests/portal/serve.h"

namespace imrelay {

class StandIn::Impl {
 public:
  explicit Impl(const Options& options) {
    cloud.applications.push_back({"", options.client_id, options.client_secret});
    for (const Application& more : options.more_applications) {
      cloud.applications.push_back({more.name, more.client_id, more.client_secret});
    }
    cloud.ledger.former_access_lives = options.former_access_lives;
    stand_in::ServeAuthorization(cloud, authorization.server());
    stand_in::ServeControl(cloud, authorization.server());
    stand_in::ServeBx24(authorization.server());
    stand_in::ServePortals(cloud, portals.server());
    stand_in::ServeFrames(cloud, portals.server());
    stand_in::ServeBx24(portals.server());
  }

  bool Start(const Options& options) {
    if (!portals.Start(options.portals_port)) return false;
    cloud.portal_address = "127.0.0.1:" + std::to_string(portals.port());
    const std::lock_guard lock(cloud.mutex);
    if (!authorization.Start(options.port)) return false;
    cloud.authorization_url = authorization.Url();
    return true;
  }

  stand_in::Cloud cloud;
  // Last: their threads use the cloud.
  LoopbackServer portals;
  LoopbackServer authorization;
};

StandIn::StandIn(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StandIn::~StandIn() = default;

std::unique_ptr<StandIn> StandIn::Start(const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  if (!impl->Start(options)) return nullptr;
  return std::unique_ptr<StandIn>(new StandIn(std::move(impl)));
}

std::string StandIn::Url() const { return impl_->authorization.Url(); }
std::string StandIn::ClientEndpoint() const { return impl_->portals.Url() + "/rest/"; }

TokenPair StandIn::Issue(TokenHolder holder) {
  const std::lock_guard lock(impl_->cloud.mutex);
  return impl_->cloud.Issue(std::move(holder));
}

void StandIn::ExpireAccess(const std::string& member_id) {
  const std::lock_guard lock(impl_->cloud.mutex);
  impl_->cloud.ledger.ExpireAccess(member_id);
}

void StandIn::SetFault(const std::string& endpoint, Fault fault, int count) {
  static constexpr const char* kModes[] = {"none", "down", "drop_after", "http500",
                                           "invalid_grant"};
  stand_in::PlannedFault planned;
  planned.endpoint = endpoint;
  planned.mode = kModes[static_cast<int>(fault)];
  planned.count = count;
  const std::lock_guard lock(impl_->cloud.mutex);
  impl_->cloud.faults.Plan(std::move(planned));
}

std::vector<StandIn::Request> StandIn::Seen() const {
  const std::lock_guard lock(impl_->cloud.mutex);
  return impl_->cloud.seen;
}

std::string StandIn::Control(const std::string& name, const std::string& values) {
  const Result<Tree> tree = ParseJson(values);
  const std::lock_guard lock(impl_->cloud.mutex);
  const stand_in::Reply reply = stand_in::Control(impl_->cloud, name, tree ? *tree : Tree());
  return reply.body.items().empty() ? "{}" : reply.body.ToJson();
}

}  // namespace imrelay
