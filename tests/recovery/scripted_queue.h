#pragma once

#include <charconv>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "codec/json.h"
#include "http/client.h"

namespace imrelay {

// Stands for the end of the process: thrown where it happens, and nobody catches it on the way.
struct Crash : std::runtime_error {
  Crash() : std::runtime_error("crash") {}
};

// A portal with an offline queue, as rest/lib/api/event.php keeps it. Not thread-safe.
class ScriptedQueue final : public HttpClient {
 public:
  struct Row {
    std::int64_t id = 0;
    std::string written = "2026-03-17T15:16:17+03:00";
    std::string event;
    std::string data;  // JSON
    std::string process_id = {};
  };

  // Queues an event of a message that was written `second` seconds after 12:00 UTC.
  void Add(const std::string& kind, std::int64_t message, int second,
           const std::string& text = "hello") {
    char written[40];
    std::snprintf(written, sizeof written, "2026-03-17T15:%02d:%02d+03:00", second / 60,
                  second % 60);
    rows.push_back({next_id++, written, "ONIMCONNECTORMESSAGE" + kind,
                    R"({"CONNECTOR":"conn","LINE":7,"MESSAGES":[{"im":{"chat_id":1807,)"
                    R"("message_id":)" +
                        std::to_string(message) + R"(},"message":{"id":"x)" +
                        std::to_string(message) + R"(","text":")" + text +
                        R"("},"chat":{"id":"chat-1"}}]})"});
  }

  Result<HttpResponse> Send(const HttpRequest& request) override {
    const std::string method = request.url.substr(request.url.rfind('/') + 1);
    calls.push_back(method);
    bodies.push_back(request.body);
    if (before) before(method);
    const auto fault = faults.find(method);
    if (fault != faults.end()) return HttpResponse{fault->second.first, {}, fault->second.second};
    const Result<Tree> body = ParseJson(request.body);
    if (!body) return HttpResponse{400, {}, R"({"error":"BAD_JSON"})"};
    HttpResponse response{200, {}, Answer(method, *body)};
    if (response.body.find("WRONG_LICENSE") != std::string::npos) response.status = 403;
    if (after) after(method);
    return response;
  }

  int Count(const std::string& method) const {
    int count = 0;
    for (const std::string& call : calls) count += call == method ? 1 : 0;
    return count;
  }

  std::vector<Row> rows;
  bool extended = false;
  std::int64_t next_id = 100;
  std::map<std::string, std::pair<int, std::string>> faults;
  std::function<void(const std::string&)> before;  // a call is carried out
  std::function<void(const std::string&)> after;   // it was, and is not answered yet
  std::vector<std::string> calls;
  std::vector<std::string> bodies;

 private:
  static std::int64_t NumberOf(const std::string& text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  static bool Fits(const Row& row, const Tree& body) {
    const Tree* filter = body.Find("filter");
    if (filter == nullptr) return true;
    for (const auto& [key, value] : filter->items()) {
      const std::int64_t number = NumberOf(value.text());
      if (key == ">ID" && row.id <= number) return false;
      if (key == ">=ID" && row.id < number) return false;
      if (key == "<=ID" && row.id > number) return false;
      if (key == ">PROCESS_ID" && row.process_id.empty()) return false;
    }
    return true;
  }
  static std::string Json(const Row& row, bool listed) {
    return R"({"ID":")" + std::to_string(row.id) + R"(","TIMESTAMP_X":")" + row.written +
           R"(","EVENT_NAME":")" + row.event + R"(","EVENT_DATA":)" + row.data +
           R"(,"EVENT_ADDITIONAL":{"user_id":"1"},"MESSAGE_ID":"m)" + std::to_string(row.id) + '"' +
           (listed ? R"(,"PROCESS_ID":")" + row.process_id + R"(","ERROR":"0")" : "") + '}';
  }

  std::string Answer(const std::string& method, const Tree& body) {
    if (method == "feature.get") {
      return std::string(R"({"result":{"value":")") + (extended ? "Y" : "N") + R"("}})";
    }
    if (method == "event.offline.list") return List(body);
    if (method == "event.offline.get") return Get(body);
    if (method == "event.offline.clear") {
      std::erase_if(rows, [&](const Row& row) {
        if (row.process_id != *body.FindText("process_id")) return false;
        for (const auto& [key, id] : body.Find("id")->items()) {
          if (NumberOf(id.text()) == row.id) return true;
        }
        return false;
      });
    }
    return R"({"result":true,"time":{"start":1}})";
  }

  std::string List(const Tree& body) const {
    std::string list;
    std::size_t total = 0;
    for (const Row& row : rows) {
      if (!Fits(row, body)) continue;
      if (++total <= 50) list += (list.empty() ? "" : ",") + Json(row, true);
    }
    return R"({"result":[)" + list + R"(],"total":)" + std::to_string(total) +
           R"(,"time":{"start":1}})";
  }

  std::string Get(const Tree& body) {
    const bool clear = *body.FindText("clear") == "1";
    if (!clear && !extended) return R"({"error":"WRONG_LICENSE"})";
    const std::string process_id = "process" + std::to_string(next_process_++);
    std::string list;
    int given = 0;
    for (Row& row : rows) {
      if (!row.process_id.empty() || !Fits(row, body) || given == 50) continue;
      ++given;
      row.process_id = process_id;
      list += (list.empty() ? "" : ",") + Json(row, false);
    }
    if (clear) std::erase_if(rows, [&](const Row& row) { return row.process_id == process_id; });
    return R"({"result":{"process_id":)" + (clear ? "null" : '"' + process_id + '"') +
           R"(,"events":[)" + list + R"(]},"time":{"start":1}})";
  }

  int next_process_ = 1;
};

}  // namespace imrelay
