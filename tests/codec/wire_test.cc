#include <doctest/doctest.h>

#include <string>

#include "codec/body.h"
#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"
#include "tests/codec/test_files.h"
#include "tests/codec/tree_dump.h"

namespace imrelay {
namespace {

Event Decode(const std::string& name) {
  const Result<Tree> tree = ParseForm(WireForm(name));
  REQUIRE(tree);
  Result<Event> event = DecodeEvent(*tree);
  REQUIRE(event);
  return *std::move(event);
}

TEST_CASE("wire: every recorded form gives the tree of the JSON beside it") {
  const auto forms = WireForms();
  REQUIRE(forms.size() == 14);
  for (auto path : forms) {
    CAPTURE(path.string());
    const Result<Tree> form = ParseForm(ReadFile(path));
    const Result<Tree> json = ParseJson(ReadFile(path.replace_extension(".json")));
    REQUIRE(form);
    REQUIRE(json);
    CHECK(Dump(*form) == Dump(*json));
    CHECK(CanonicalData(*form) == CanonicalData(*json));
  }
}

TEST_CASE("wire: every recorded body is an event of its own that can be used") {
  for (const auto& path : WireForms()) {
    CAPTURE(path.string());
    const Event event = Decode(path.stem().string());

    CHECK(event.kind != EventKind::kOther);
    CHECK(event.name == WireName(event.kind));
    CHECK(event.unusable == "");
    CHECK(event.skipped == 0);
    CHECK(event.ts.has_value());
    CHECK(event.auth.member_id.value() == "bac1cd5c8940947a75e0d71b1a84e348");
    CHECK(event.auth.application_token.Reveal() == "831c76b092f9f135d9b6b36c3a720757");
  }
}

TEST_CASE("wire: MessageAdd has a text and no external ids") {
  const Event event = Decode("messageadd-text");

  CHECK(event.kind == EventKind::kMessageAdd);
  CHECK(event.ts == 1773759161);
  CHECK(event.connector.value() == "myconnector");
  CHECK(event.line.value() == 107);
  REQUIRE(event.messages.size() == 1);
  const EventMessage& message = event.messages[0];
  CHECK(message.chat_id.value() == 1807);
  CHECK(message.message_id.value() == 86497);
  CHECK(message.external_chat_id.value() == "channel-123");
  CHECK(message.external_ids.empty());
  CHECK(message.user_id == 27);
  CHECK(message.text == "[b]Klaus Weber:[/b] [br]Guten Tag!");
  CHECK(message.files.empty());
}

TEST_CASE("wire: MessageAdd with a file") {
  const Event event = Decode("messageadd-file-no-text");

  REQUIRE(event.messages.size() == 1);
  CHECK(event.messages[0].text == "");
  REQUIRE(event.messages[0].files.size() == 1);
  const File& file = event.messages[0].files[0];
  CHECK(file.name == "a b.png");
  CHECK(file.type == "image");
  CHECK(file.mime == "image/png");
  CHECK(file.link == "https://some-domain.bitrix24.com/~AbCdE");
  CHECK(file.download_link == "");
  CHECK(file.size == 12345);
}

TEST_CASE("wire: MessageUpdate has all external ids in one element") {
  const Event event = Decode("messageupdate-2-external-ids");

  CHECK(event.kind == EventKind::kMessageUpdate);
  REQUIRE(event.messages.size() == 1);
  const auto& ids = event.messages[0].external_ids;
  REQUIRE(ids.size() == 2);
  CHECK(ids[0].value() == "ext-msg-005");
  CHECK(ids[1].value() == "ext-msg-006");
}

TEST_CASE("wire: MessageDelete has an element an external id, and may lack tokens") {
  const Event event = Decode("messagedelete-2-external-ids-no-tokens");

  CHECK(event.kind == EventKind::kMessageDelete);
  CHECK(event.auth.access_token.empty());
  CHECK(event.auth.scope == "");
  CHECK_FALSE(event.auth.expires);
  REQUIRE(event.messages.size() == 2);
  CHECK(event.messages[0].message_id == event.messages[1].message_id);
  REQUIRE(event.messages[1].external_ids.size() == 1);
  CHECK(event.messages[1].external_ids[0].value() == "ext-msg-006");
}

TEST_CASE("wire: dialogs start open and finish closed") {
  const Event start = Decode("dialogstart");
  const Event finish = Decode("dialogfinish");

  REQUIRE(start.dialogs.size() == 1);
  CHECK(start.dialogs[0].external_chat_id.value() == "channel-123");
  CHECK(start.dialogs[0].session_id == 3282);
  CHECK(start.dialogs[0].user_id == 585);
  CHECK_FALSE(start.dialogs[0].closed);
  REQUIRE(finish.dialogs.size() == 1);
  CHECK(finish.dialogs[0].closed);
}

TEST_CASE("wire: StatusDelete has lower-case keys, LineDelete a scalar") {
  const Event status = Decode("statusdelete");
  const Event line = Decode("linedelete");

  CHECK(status.connector.value() == "myconnector");
  CHECK(status.line.value() == 107);
  CHECK(line.connector.value() == "");
  CHECK(line.line.value() == 107);
}

TEST_CASE("wire: an installation has all tokens, an uninstallation its wish to erase") {
  const Event install = Decode("onappinstall");
  const Event uninstall = Decode("onappuninstall");

  CHECK(install.auth.access_token.Reveal() == "5b00844001b0007cd181977d455de630432");
  CHECK(install.auth.refresh_token.Reveal() == "4s386p3q0tr8dy89xvmt96234v3dljg8");
  CHECK(install.auth.domain == "some-domain.bitrix24.com");
  CHECK(install.auth.client_endpoint == "https://some-domain.bitrix24.com/rest/");
  CHECK(install.auth.server_endpoint == "https://oauth.bitrix.info/rest/");
  CHECK(install.auth.scope == "imconnector,imopenlines");
  CHECK(install.auth.expires == 1773764178);
  CHECK(install.auth.user_id == 27);
  CHECK_FALSE(install.clean);
  CHECK(uninstall.clean);
}

TEST_CASE("wire: the journal keeps every recorded body, less its tokens") {
  for (auto path : WireForms()) {
    CAPTURE(path.string());
    const std::string form = WithoutTokens(BodyFormat::kForm, ReadFile(path));
    const std::string json =
        WithoutTokens(BodyFormat::kJson, ReadFile(path.replace_extension(".json")));
    REQUIRE(FormatOfJournalled(form) == BodyFormat::kForm);
    REQUIRE(FormatOfJournalled(json) == BodyFormat::kJson);
    const Result<Tree> form_tree = ParseForm(form);
    const Result<Tree> json_tree = ParseJson(json);
    REQUIRE(form_tree);
    REQUIRE(json_tree);

    CHECK(Dump(*form_tree) == Dump(*json_tree));
    CHECK(form_tree->Find("auth")->Find("member_id") != nullptr);
    for (const std::string& text : {form, json}) {
      CHECK(text.find("831c76b092f9f135d9b6b36c3a720757") == std::string::npos);
      CHECK(text.find("5b00844001b0007cd181977d455de630432") == std::string::npos);
      CHECK(text.find("4s386p3q0tr8dy89xvmt96234v3dljg8") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace imrelay
