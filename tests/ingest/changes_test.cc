#include "ingest/changes.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

Event MessageEvent(EventKind kind) {
  Event event;
  event.kind = kind;
  event.connector = ConnectorId("conn");
  event.line = LineId(7);
  EventMessage message;
  message.chat_id = ChatId(1807);
  message.message_id = MessageId(86501);
  message.external_chat_id = ExternalChatId("chat-1");
  message.external_ids = {ExternalMessageId("a"), ExternalMessageId("b")};
  message.user_id = 27;
  message.text = "say \"hi\"";
  event.messages.push_back(message);
  message.message_id = MessageId(86502);
  message.user_id.reset();
  message.files.push_back(File{"a.png", "image", "image/png", "https://x/~1", "", 12345});
  event.messages.push_back(message);
  return event;
}

TEST_CASE("changes: every message of an Add is created, with its text and files") {
  const std::vector<Change> changes = ChangesOf(MessageEvent(EventKind::kMessageAdd));

  REQUIRE(changes.size() == 2);
  const auto* first = std::get_if<MessageCreated>(&changes[0]);
  const auto* second = std::get_if<MessageCreated>(&changes[1]);
  REQUIRE(first != nullptr);
  REQUIRE(second != nullptr);
  CHECK(first->place.connector.value() == "conn");
  CHECK(first->place.line.value() == 7);
  CHECK(first->place.external_chat_id.value() == "chat-1");
  CHECK(first->chat_id.value() == 1807);
  CHECK(first->message_id.value() == 86501);
  CHECK(first->payload == R"({"text":"say \"hi\"","user_id":27})");
  CHECK(second->message_id.value() == 86502);
  CHECK(second->payload ==
        R"({"text":"say \"hi\"","files":[{"name":"a.png","type":"image","mime":"image/png",)"
        R"("link":"https://x/~1","download_link":"","size":12345}]})");
}

TEST_CASE("changes: an Update and a Delete name their external ids") {
  const std::vector<Change> updates = ChangesOf(MessageEvent(EventKind::kMessageUpdate));
  const std::vector<Change> deletes = ChangesOf(MessageEvent(EventKind::kMessageDelete));

  REQUIRE(updates.size() == 2);
  REQUIRE(deletes.size() == 2);
  const auto* update = std::get_if<MessageUpdated>(&updates[0]);
  const auto* remove = std::get_if<MessageDeleted>(&deletes[0]);
  REQUIRE(update != nullptr);
  REQUIRE(remove != nullptr);
  REQUIRE(update->external_ids.size() == 2);
  CHECK(update->external_ids[1].value() == "b");
  CHECK(update->payload == R"({"text":"say \"hi\"","user_id":27})");
  REQUIRE(remove->external_ids.size() == 2);
  CHECK(remove->external_ids[0].value() == "a");
}

TEST_CASE("changes: dialogs say whether they began") {
  Event event;
  event.kind = EventKind::kDialogFinish;
  event.dialogs.push_back(EventDialog{ExternalChatId("chat-1"), 3282, 585, true});

  const std::vector<Change> finished = ChangesOf(event);
  event.kind = EventKind::kDialogStart;
  const std::vector<Change> started = ChangesOf(event);

  REQUIRE(finished.size() == 1);
  REQUIRE(started.size() == 1);
  CHECK_FALSE(std::get<DialogChanged>(finished[0]).started);
  CHECK(std::get<DialogChanged>(started[0]).started);
  CHECK(std::get<DialogChanged>(finished[0]).payload ==
        R"({"session_id":3282,"user_id":585,"closed":true})");
}

TEST_CASE("changes: lines, the portal's end, and events that are only journalled") {
  Event event = MessageEvent(EventKind::kStatusDelete);
  CHECK(std::get<LineDisconnected>(ChangesOf(event).at(0)).connector.value() == "conn");
  event.kind = EventKind::kLineDelete;
  CHECK(std::get<LineDeleted>(ChangesOf(event).at(0)).line.value() == 7);
  event.kind = EventKind::kAppUninstall;
  CHECK_FALSE(std::get<PortalUninstalled>(ChangesOf(event).at(0)).clean);
  event.clean = true;
  CHECK(std::get<PortalUninstalled>(ChangesOf(event).at(0)).clean);
  for (const EventKind kind : {EventKind::kAppInstall, EventKind::kAppUpdate, EventKind::kAppTest,
                               EventKind::kOfflineEvent, EventKind::kOther}) {
    event.kind = kind;
    CHECK(ChangesOf(event).empty());
  }
}

}  // namespace
}  // namespace imrelay
