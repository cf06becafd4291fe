#include <string>

#include "base/utf8.h"
#include "codec/body.h"
#include "codec/json.h"
#include "domain/delivery.h"
#include "domain/external_id.h"
#include "tests/fuzz/answer_checks.h"
#include "tests/fuzz/check.h"
#include "web/channel_input.h"

namespace imrelay {
namespace {

constexpr std::size_t kMostIds = 20;
constexpr std::size_t kLongestRefusal = 200;

template <class T>
bool Read(const Result<T>& read) {
  if (read) return true;
  Check(read.error().code == ErrorCode::kInvalidArgument, "what is wrong is refused as invalid");
  // Of a field and what it must be. Without the value, which would be of any length and bytes.
  CheckLine(read.error().message, kLongestRefusal);
  return false;
}

void CheckPlace(const Tree& body) {
  const Result<NamedPlace> place = ReadPlace(body);
  if (!Read(place)) return;
  if (place->portal) CheckLine(place->portal->value(), kLongestExternalId);
  if (place->connector) CheckLine(place->connector->value(), kLongestExternalId);
  if (place->line) Check(place->line->value() > 0, "a line has a number");
}

void CheckMessage(std::string_view kind, const Tree& body, std::size_t posted) {
  const Result<ChannelMessage> message = ReadMessage(kind, body, FromUnixSeconds(1773748800));
  if (!Read(message)) return;
  Check(FaultOfExternalId(message->message.value()) == nullptr, "a message's id can be kept");
  Check(FaultOfExternalId(message->chat.value()) == nullptr &&
            message->chat.value().find('|') == std::string::npos,
        "a chat's id can be kept");
  const Result<Tree> payload = ParseJson(message->payload);
  Check(payload.has_value(), "what goes on is JSON within the limits");
  Check(IsValidUtf8(message->payload), "what goes on is valid UTF-8");
  // Escapes are as long as what they came from; the rest are fixed names and an id or two again.
  Check(message->payload.size() <= 6 * posted + 600, "what goes on grows no further than it must");
  const Tree* const user = payload->Find("user");
  Check(user != nullptr && user->FindText("id") != nullptr, "whoever writes has an id");
  for (const auto& [name, value] : payload->items()) {
    Check(name == "user" || name == "message" || name == "chat", "only checked fields go on");
  }
}

void CheckIds(const Tree& body) {
  const Result<MessageIds> ids = ReadMessageIds(body);
  if (!Read(ids)) return;
  Check(ids->message.value() > 0, "a message has its number");
  Check(!ids->ids.empty() && ids->ids.size() <= kMostIds, "a message has 1 to 20 ids");
  for (const ExternalMessageId& id : ids->ids) {
    Check(FaultOfExternalId(id.value()) == nullptr, "an id can be kept");
  }
}

}  // namespace
}  // namespace imrelay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imrelay;
  const std::string_view input = InputOf(data, size);
  Read(ReadMessagesQuery(std::string(input)));
  const Result<Tree> body = ParseBody(BodyFormat::kJson, input);
  if (!body) return 0;
  CheckPlace(*body);
  for (const std::string_view kind :
       {kind::kIncomingCreated, kind::kIncomingUpdated, kind::kIncomingDeleted}) {
    CheckMessage(kind, *body, size);
  }
  CheckIds(*body);
  return 0;
}
