#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bitrix24/methods.h"
#include "codec/json.h"
#include "http/client.h"

namespace imrelay {

// A portal with the events bound that it was told to bind, and with faults on demand. Not
// thread-safe.
class ScriptedPortal final : public HttpClient {
 public:
  Result<HttpResponse> Send(const HttpRequest& request) override {
    const std::string method = request.url.substr(request.url.rfind('/') + 1);
    const Result<Tree> body = ParseJson(request.body);
    if (!body) return HttpResponse{400, {}, R"({"error":"BAD_JSON"})"};
    const std::string* event = body->FindText("event");
    const std::string* type = body->FindText("event_type");
    std::string name = method;
    if (event != nullptr) name += ' ' + *event;
    if (type != nullptr && *type == "offline") name += " offline";
    calls.push_back(name);
    bodies.push_back(request.body);
    for (const std::string& key : {name, method}) {
      const auto fault = faults.find(key);
      if (fault == faults.end()) continue;
      if (fault->second.first == 0) return Fail(ErrorCode::kUnavailable, "nobody listens");
      return HttpResponse{fault->second.first, {}, fault->second.second};
    }
    return HttpResponse{200, {}, Answer(method, *body)};
  }

  void Bind(const std::string& event, const std::string& url, const std::string& auth_type = "0",
            bool offline = false) {
    rows.push_back({event, url, auth_type, offline});
  }
  int Count(const std::string& prefix) const {
    int count = 0;
    for (const std::string& call : calls) count += call.starts_with(prefix) ? 1 : 0;
    return count;
  }

  std::vector<EventHandler> rows;
  // By "method" or "method EVENT[ offline]": status (0: no answer) and body.
  std::map<std::string, std::pair<int, std::string>> faults;
  std::vector<std::string> calls;
  std::vector<std::string> bodies;

 private:
  std::string Answer(const std::string& method, const Tree& body) {
    if (method == "imconnector.register") return R"({"result":{"result":true},"time":{"start":1}})";
    if (method == "event.get") return Rows();
    const auto text = [&](const char* key) {
      const std::string* found = body.FindText(key);
      return found == nullptr ? std::string() : *found;
    };
    const bool offline = text("event_type") == "offline";
    const std::string url = offline ? "" : text("handler");
    if (method == "event.bind") {
      for (const EventHandler& row : rows) {
        if (row.event == text("event") && row.url == url && row.offline == offline) {
          return R"({"error":"ERROR_CORE","error_description":)"
                 R"("Unable to set event handler: Handler already binded"})";
        }
      }
      Bind(text("event"), url, "0", offline);
    }
    if (method == "event.unbind") {
      const std::size_t before = rows.size();
      std::erase_if(rows, [&](const EventHandler& row) {
        return row.event == text("event") && row.url == url && row.offline == offline &&
               row.auth_type == text("auth_type");
      });
      return R"({"result":{"count":)" + std::to_string(before - rows.size()) + "}}";
    }
    return R"({"result":true,"time":{"start":1}})";
  }

  std::string Rows() const {
    JsonWriter json;
    json.BeginObject().Key("result").BeginArray();
    for (const EventHandler& row : rows) {
      json.BeginObject().Key("event").String(row.event);
      if (row.offline) {
        json.Key("connector_id").String("").Key("offline").Integer(1);
      } else {
        json.Key("handler").String(row.url).Key("auth_type").String(row.auth_type);
        json.Key("offline").Integer(0);
      }
      json.EndObject();
    }
    return json.EndArray().EndObject().Take();
  }
};

}  // namespace imrelay
