#include "app/spooler.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/await.h"
#include "spool/record.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kForm = "application/x-www-form-urlencoded";
constexpr const char* kEvent = "event=ONIMCONNECTORMESSAGEDELETE&ts=1&auth[member_id]=abc";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Bench {
 public:
  Response Send(const std::string& method, const std::string& path, const std::string& body = "",
                const std::string& type = kForm,
                Request::BodyState state = Request::BodyState::kComplete) {
    Request request;
    request.method = method;
    request.path = path;
    request.content_type = type;
    request.body = body;
    request.body_state = state;
    request.remote_address = "192.0.2.7";
    return Await<Response>([&](Reply reply) { spooler.Handle(request, std::move(reply)); });
  }
  Response Post(const std::string& path, const std::string& body) {
    return Send("POST", path, body);
  }

  // What the files hold, those that are still written too.
  std::vector<SpooledRequest> Kept() const {
    std::vector<SpooledRequest> kept;
    if (!fs::exists(folder)) return kept;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string text = ReadFile(entry.path());
      std::string_view rest = text;
      for (SpoolPiece piece = ReadSpool(rest); piece.kind != SpoolPiece::Kind::kEnd;
           piece = ReadSpool(rest)) {
        CHECK(piece.kind == SpoolPiece::Kind::kRequest);
        kept.push_back(piece.request);
        rest.remove_prefix(piece.bytes);
      }
    }
    return kept;
  }

  TemporaryDirectory directory;
  const std::string folder = directory.File("spool") + "/spooler";
  FakeClock clock;
  Spooler spooler{folder, clock};
};

TEST_CASE("spooler: an event is answered once it is in the spool, as it was posted") {
  Bench bench;

  const Response response = bench.Post("/bitrix24/event", kEvent);

  CHECK(response.status == 200);
  CHECK(response.body == R"({"status":"spooled"})");
  const std::vector<SpooledRequest> kept = bench.Kept();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].received_at == bench.clock.Now());
  CHECK(kept[0].path == "/bitrix24/event");
  CHECK(kept[0].content_type == kForm);
  CHECK(kept[0].remote_address == "192.0.2.7");
  CHECK(kept[0].body == kEvent);
}

TEST_CASE("spooler: events are taken at every path where a worker would look for them") {
  Bench bench;
  for (const char* path :
       {"/bitrix24/event", "/bitrix24/shop/event", "/bitrix24/install", "/bitrix24/shop/install"}) {
    CAPTURE(path);
    CHECK(bench.Post(path, kEvent).status == 200);
    CHECK(bench.Send("POST", path, R"({"event":"ONAPPINSTALL"})", "application/json").status ==
          200);
    CHECK(bench.Send("GET", path).body == R"({"status":"spooling"})");
    CHECK(bench.Send("HEAD", path).status == 200);
    CHECK(bench.Send("PUT", path).status == 405);
  }
  CHECK(bench.Kept().size() == 8);
}

TEST_CASE("spooler: what only a worker can do is not kept") {
  Bench bench;
  for (const char* path : {"/bitrix24/settings", "/bitrix24/shop/settings", "/channel/v1/messages",
                           "/healthz", "/readyz", "/metrics", "/", "", "/bitrix24/",
                           "/bitrix24/a/b/event", "/bitrix24/event/event", "/bitrix24/Shop/event",
                           "/bitrix24/../event", "/bitrix24//event"}) {
    CAPTURE(path);
    const Response response = bench.Post(path, kEvent);
    CHECK(response.status == 503);
    CHECK(response.body == R"({"error":"unavailable","message":"No worker answers."})");
    CHECK(bench.Send("GET", path).status == 503);
  }
  CHECK(bench.Post("/bitrix24/install", "AUTH_ID=a&REFRESH_ID=b&member_id=c").status == 503);
  CHECK_FALSE(fs::exists(bench.folder));
}

TEST_CASE("spooler: what is no event is refused as a worker refuses it, and not kept") {
  using BodyState = Request::BodyState;
  struct {
    const char* body;
    const char* type;
    BodyState state;
    int status;
    const char* word;
  } const cases[] = {
      {"", kForm, BodyState::kComplete, 400, "no_event"},
      {"a=1", kForm, BodyState::kComplete, 400, "no_event"},
      {"event=", kForm, BodyState::kComplete, 400, "no_event"},
      {"event[]=ONAPPINSTALL", kForm, BodyState::kComplete, 400, "no_event"},
      {"event=%00%00", kForm, BodyState::kComplete, 400, "no_event"},
      {"{", "application/json", BodyState::kComplete, 400, "bad_json"},
      {kEvent, kForm, BodyState::kCut, 400, "incomplete_body"},
      {kEvent, kForm, BodyState::kNoLength, 411, "length_required"},
      {kEvent, kForm, BodyState::kTooLarge, 413, "body_too_large"},
      {kEvent, "text/plain", BodyState::kComplete, 415, "unsupported_media_type"},
  };
  Bench bench;
  for (const auto& one : cases) {
    CAPTURE(one.word);
    CAPTURE(one.body);
    const Response response = bench.Send("POST", "/bitrix24/event", one.body, one.type, one.state);
    CHECK(response.status == one.status);
    CHECK_MESSAGE(response.body.find('"' + std::string(one.word) + '"') != std::string::npos,
                  response.body);
  }
  CHECK_FALSE(fs::exists(bench.folder));
}

TEST_CASE("spooler: without a directory it answers 503, and goes on by itself once there is one") {
  Bench bench;
  const std::string in_the_way = bench.directory.File("spool");
  std::ofstream(in_the_way) << "a file";

  const Status tried = bench.spooler.TryDirectory();
  REQUIRE_FALSE(tried);
  CHECK(tried.error().message.find(in_the_way) != std::string::npos);
  const Response refused = bench.Post("/bitrix24/event", kEvent);
  CHECK(bench.Send("GET", "/bitrix24/event").status == 200);
  fs::remove(in_the_way);
  const auto is_kept = [&] { return bench.Post("/bitrix24/event", kEvent).status == 200; };
  bool kept = false;
  for (int i = 0; i < 1000 && !kept; ++i) {
    kept = is_kept();
    if (!kept) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  CHECK(refused.status == 503);
  CHECK(refused.headers == std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}});
  CHECK(kept);
  CHECK(bench.spooler.TryDirectory());
  CHECK(bench.Kept().size() == 1);
}

}  // namespace
}  // namespace imrelay
