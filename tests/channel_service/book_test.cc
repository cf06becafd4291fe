#include "tests/channel_service/book.h"

#include <doctest/doctest.h>

#include "codec/json.h"

namespace imrelay::channel_service {
namespace {

Call CallOf(const std::string& webhook_id, const std::string& type, int number,
            const std::string& id = {}) {
  Call call;
  call.webhook_id = webhook_id;
  call.type = "message." + type;
  call.chat = "c1";
  call.im_message_id = number;
  call.message_id = id;
  return call;
}

struct Service {
  Outcome Give(const Call& call, const char* refusal = nullptr) {
    book.Arrive(call);
    return book.Carry(call, refusal == nullptr ? std::nullopt : std::optional(Fault{refusal, ""}));
  }
  std::string violations() const { return book.DescribeSummary().Find("violations")->ToJson(); }
  std::string message() const {
    return book.DescribeChats().items()[0].second.Find("messages")->items()[0].second.ToJson();
  }

  Book book;
};

TEST_CASE("book: a message is sent once, and a repeat gets the same ids") {
  Service service;
  service.book.settings.ids = 2;

  const Outcome first = service.Give(CallOf("a", "created", 1));
  const Outcome again = service.Give(CallOf("a", "created", 1));

  CHECK(first.body == R"({"message":{"ids":["ext-msg-005","ext-msg-006"]}})");
  CHECK(again.body == first.body);
  CHECK(service.violations() == "[]");
  service.Give(CallOf("b", "created", 1));
  CHECK(service.violations() == R"(["message.created 1 twice"])");
}

TEST_CASE("book: each id of a message is deleted for itself; without one, all are") {
  Service service;
  service.book.settings.ids = 3;
  service.Give(CallOf("a", "created", 1));

  CHECK(service.Give(CallOf("b", "deleted", 1, "ext-msg-006")).status == 200);
  CHECK(service.Give(CallOf("c", "deleted", 1, "ext-msg-006")).status == 404);
  CHECK(service.Give(CallOf("d", "deleted", 1)).status == 200);
  CHECK(service.message().find("there") == std::string::npos);
  CHECK(service.message().find(R"("outcomes":["done","gone","done"])") != std::string::npos);
  CHECK(service.violations() == "[]");
}

TEST_CASE("book: what was refused can be asked again, and its last outcome counts") {
  Service service;
  service.Give(CallOf("a", "created", 1));
  service.Give(CallOf("b", "deleted", 1, "ext-msg-005"), "400");
  CHECK(service.message().find(R"("outcomes":["failed"])") != std::string::npos);
  CHECK(service.Give(CallOf("b", "deleted", 1, "ext-msg-005")).status == 200);
  CHECK(service.message().find(R"("outcomes":["done"])") != std::string::npos);
  CHECK(service.violations() == "[]");
}

TEST_CASE("book: an edit in the place of a refused deletion removes the message") {
  Service service;
  service.Give(CallOf("a", "created", 1));

  const Outcome refused = service.Give(CallOf("b", "deleted", 1, "ext-msg-005"), "too_old");
  CHECK(refused.status == 422);
  CHECK(refused.body == R"({"outcome":"too_old"})");
  CHECK(service.message().find(R"("state":"there")") != std::string::npos);
  Call edit = CallOf("b-edit", "updated", 1, "ext-msg-005");
  edit.removed = true;
  CHECK(service.Give(edit).status == 200);
  CHECK(service.message().find(R"("state":"removed")") != std::string::npos);
  CHECK(service.violations() == "[]");
}

TEST_CASE("book: what is out of order is a violation") {
  struct Case {
    std::vector<Call> calls;
    const char* violations;
  };
  const Call one = CallOf("a", "created", 1);
  const Call two = CallOf("b", "created", 2);
  const Case kCases[] = {
      {{one, one, two}, "[]"},
      {{two, one}, R"(["message.created 1 came after a newer message"])"},
      {{one, two, one}, R"(["message.created 1 c1 was overtaken by message.created 2 c1"])"},
      {{CallOf("d", "deleted", 1), one}, R"(["message.created 1 came after its deletion"])"},
      {{one, CallOf("d", "deleted", 1), CallOf("u", "updated", 1)},
       R"(["message.updated 1 came after its deletion"])"},
      {{one, CallOf("a", "created", 2)},
       R"(["a was message.created 1 c1 and is message.created 2 c1"])"},
  };
  for (const Case& one_case : kCases) {
    Service service;
    for (const Call& call : one_case.calls) service.Give(call);
    CHECK(service.violations() == one_case.violations);
  }
}

TEST_CASE("book: reads a call as the contract has it") {
  const Tree body =
      ParseJson(R"({"type":"message.deleted","data":{"portal":"p","connector":"m","line":107,)"
                R"("chat":{"id":"c"},"message":{"id":"e"},)"
                R"("im":{"chat_id":1807,"message_id":86501}}})")
          .value();

  const std::optional<Call> call = Call::Of(body, "id");

  REQUIRE(call);
  CHECK(call->line == "107");
  CHECK(call->chat == "c");
  CHECK(call->message_id == "e");
  CHECK(call->im_message_id == 86501);
  CHECK_FALSE(Call::Of(body, ""));
  CHECK_FALSE(
      Call::Of(ParseJson(R"({"type":"message.created","data":{"portal":"p"}})").value(), "i"));
}

}  // namespace
}  // namespace imrelay::channel_service
