#include <doctest/doctest.h>

#include <string>

#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"
#include "tests/codec/test_files.h"

namespace imrelay {
namespace {

std::string Show(const std::string& form) {
  const Result<Tree> tree = ParseForm(form);
  REQUIRE(tree);
  const Result<Event> event = DecodeEvent(*tree);
  REQUIRE(event);
  return EventToJson(*event);
}

TEST_CASE("event_json: shows a deletion whole, its tokens only as present") {
  const std::string json = Show(WireForm("messagedelete-1-external-id"));

  CHECK(json == R"({
  "event": "ONIMCONNECTORMESSAGEDELETE",
  "kind": "message_delete",
  "ts": 1773760577,
  "connector": "myconnector",
  "line": 107,
  "messages": [
    {
      "chat_id": 1807,
      "message_id": 86501,
      "external_chat_id": "channel-123",
      "external_ids": [
        "ext-msg-005"
      ],
      "user_id": null,
      "text": "",
      "files": []
    }
  ],
  "dialogs": [],
  "auth": {
    "member_id": "bac1cd5c8940947a75e0d71b1a84e348",
    "domain": "some-domain.bitrix24.com",
    "client_endpoint": "https://some-domain.bitrix24.com/rest/",
    "server_endpoint": "https://oauth.bitrix.info/rest/",
    "scope": "imconnector,imopenlines",
    "expires": 1773764178,
    "user_id": 27,
    "application_token": "present",
    "access_token": "present",
    "refresh_token": null
  },
  "clean": false,
  "unusable": null,
  "skipped": 0
})");
}

TEST_CASE("event_json: never shows a token") {
  for (const auto& path : WireForms()) {
    CAPTURE(path.string());
    const std::string json = Show(ReadFile(path));
    CHECK(json.find("831c76b092f9f135d9b6b36c3a720757") == std::string::npos);
    CHECK(json.find("5b00844001b0007cd181977d455de630432") == std::string::npos);
    CHECK(json.find("4s386p3q0tr8dy89xvmt96234v3dljg8") == std::string::npos);
  }
}

TEST_CASE("event_json: shows dialogs, files and why an event cannot be used") {
  const Result<Tree> dialog = ParseJson(Show(WireForm("dialogfinish")));
  const Result<Tree> file = ParseJson(Show(WireForm("messageadd-file-no-text")));
  const Result<Tree> unusable = ParseJson(Show("event=ONSOMETHING"));

  REQUIRE(dialog);
  CHECK(*dialog->Find("dialogs")->Find("0")->FindText("session_id") == "3282");
  CHECK(*dialog->Find("dialogs")->Find("0")->FindText("closed") == "1");
  REQUIRE(file);
  const Tree* files = file->Find("messages")->Find("0")->Find("files");
  REQUIRE(files != nullptr);
  CHECK(*files->Find("0")->FindText("size") == "12345");
  REQUIRE(unusable);
  CHECK(*unusable->FindText("unusable") == "unknown_event");
  CHECK(*unusable->FindText("kind") == "other");
}

}  // namespace
}  // namespace imrelay
