#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "base/await.h"
#include "base/metrics.h"
#include "tests/fakes/fake_channel_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/web/house.h"
#include "tests/web/scripted_store.h"
#include "web/channel_api.h"

namespace imrelay {

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The API over a store that keeps what it is asked: the unnamed channel, and "desk", which has
// line 7 of portal p1 and every line of p2.
struct ChannelApiBench {
  static constexpr const char* kUnnamedKey = "unnamed-unnamed-unnamed";
  static constexpr const char* kDeskKey = "desk-desk-desk-desk-desk";

  ChannelApiBench() {
    store.report = [this](const ReportQuery& query) -> Result<Table> {
      asked = query;
      return query.what == ReportQuery::What::kInstalledPortals ? portals : table;
    };
    Install("p1");
  }
  ~ChannelApiBench() { pool.Stop(); }

  void Install(const std::string& member_id) {
    portals.columns = {"member_id"};
    portals.rows.push_back({{member_id, false}});
  }

  static Request RequestOf(const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    const std::size_t question = std::min(path.find('?'), path.size());
    request.path = "/channel/v1/" + path.substr(0, question);
    if (question < path.size()) request.query = path.substr(question + 1);
    request.headers["authorization"] = std::string("Bearer ") + kUnnamedKey;
    return request;
  }
  Response Handle(const Request& request) {
    return Await<Response>([&](Reply reply) { api.Handle(request, std::move(reply)); });
  }
  Response Post(const std::string& path, const std::string& body, const std::string& key = {}) {
    Request request = RequestOf("POST", path);
    request.content_type = "application/json";
    request.body = body;
    if (!key.empty()) request.headers["idempotency-key"] = key;
    return Handle(request);
  }
  Response PostAs(const char* key, const std::string& path, const std::string& body) {
    Request request = RequestOf("POST", path);
    request.content_type = "application/json; charset=utf-8";
    request.body = body;
    request.headers["authorization"] = std::string("bearer ") + key;
    return Handle(request);
  }
  Response Get(const std::string& path, const char* key = kUnnamedKey) {
    Request request = RequestOf("GET", path);
    request.headers["authorization"] = std::string("Bearer ") + key;
    request.body_state = Request::BodyState::kNoLength;
    return Handle(request);
  }

  const CapturedLog log;
  const FakeClock clock;
  ScriptedStore store;
  FakeChannelStore channels;
  Table portals;
  Table table;  // the answer to every other report
  ReportQuery asked;
  RequestPool pool{2, 16};
  ChannelApi api{{{"desk", Secret(kDeskKey), {MemberId("p1"), {}, LineId(7)}},
                  {"closed", Secret(), {MemberId("p1"), {}, LineId(8)}},
                  {"", Secret(kUnnamedKey), {}}},
                 ConnectorId("conn"),
                 channels,
                 store,
                 pool,
                 clock};
};

}  // namespace imrelay
