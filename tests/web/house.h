#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/await.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/web/scripted_store.h"
#include "web/routes.h"

namespace imrelay {

inline const MemberId kMember("bac1cd5c8940947a75e0d71b1a84e348");
inline constexpr const char* kToken = "831c76b092f9f135d9b6b36c3a720757";

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string Wire(const std::string& name) {
  return ReadFile(std::string(IMRELAY_TEST_DATA) + "/wire/" + name);
}

// What is written to standard error while it lives.
class CapturedLog {
 public:
  CapturedLog() : before_(dup(STDERR_FILENO)) {
    const int file = open(path().c_str(), O_CREAT | O_WRONLY, 0600);
    dup2(file, STDERR_FILENO);
    close(file);
  }
  ~CapturedLog() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() const { return ReadFile(path()); }

 private:
  std::string path() const { return directory_.File("log"); }

  TemporaryDirectory directory_;
  int before_;
};

// The routes over the real ingest and a store that answers as told; one portal is installed.
struct House {
  House()
      : keyring(Keyring::OpenOrCreate(directory.File("key")).value()),
        ingest(store, keyring, clock, &hold),
        routes({ingest,
                store,
                [this] { return levels; },
                {"shop"},
                pages,
                [](const std::string& nonce) { return "of " + nonce; },
                nullptr,
                [this](const Request& request, std::function<void(Status)> done) {
                  spooled.push_back(request);
                  if (spool_answers) return done({});
                  done(Fail(ErrorCode::kUnavailable, "the disk is full"));
                }}) {
    Portal portal;
    portal.id = PortalId(1);
    portal.member_id = kMember;
    portal.status = PortalStatus::kActive;
    portal.token = keyring.Hash(Secret(kToken), SealPurpose("application_token", kMember));
    store.portal = portal;
  }

  Response Post(const std::string& path, const std::string& body,
                const std::string& type = "application/x-www-form-urlencoded") {
    Request request;
    request.method = "POST";
    request.path = path;
    request.content_type = type;
    request.content_length = std::to_string(body.size());
    request.body = body;
    request.remote_address = "192.0.2.7";
    return Handle(request);
  }
  Response Post(const std::string& body) { return Post("/bitrix24/event", body); }

  Response Ask(const std::string& method, const std::string& path, const std::string& query = {}) {
    Request request;
    request.query = query;
    request.method = method;
    request.path = path;
    request.body_state = Request::BodyState::kNoLength;
    return Handle(request);
  }

  Response Handle(const Request& request) {
    return Await<Response>([&](Reply reply) { routes.Handle(request, std::move(reply)); });
  }

  const CapturedLog log;
  const TemporaryDirectory directory;
  const FakeClock clock;
  ScriptedStore store;
  Result<std::vector<Level>> levels;  // what /metrics tells
  std::vector<Request> spooled;
  bool spool_answers = false;
  const Keyring keyring;
  Hold hold;
  Ingest ingest;
  // What was posted to pages, as "install NAME BODY".
  std::vector<std::string> opened;
  const PagePosts pages = [this](PageKind kind, const std::string& application, const Request&,
                                 Tree body, Reply reply) {
    const std::string* member_id = body.FindText("member_id");
    opened.push_back((kind == PageKind::kInstall ? "install " : "settings ") + application + ' ' +
                     (member_id == nullptr ? "" : *member_id));
    reply({200, "text/html", "a page", {}});
  };
  Routes routes;
};

inline const std::string* HeaderOf(const Response& response, const std::string& name) {
  for (const auto& header : response.headers) {
    if (header.first == name) return &header.second;
  }
  return nullptr;
}

// The `error` of an error answer, whose form it checks.
inline std::string ErrorOf(const Response& response) {
  const std::string begin = R"({"error":")";
  CHECK(response.content_type == "application/json");
  REQUIRE(response.body.starts_with(begin));
  const std::size_t end = response.body.find(R"(","message":")");
  REQUIRE(end != std::string::npos);
  CHECK(response.body.ends_with(R"(."})"));
  return response.body.substr(begin.size(), end - begin.size());
}

}  // namespace imrelay
