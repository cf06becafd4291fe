#include "tests/channel_service/book.h"

#include <algorithm>
#include <utility>

#include "tests/portal/parameters.h"

namespace imrelay::channel_service {
namespace {

using stand_in::PhpValue;

constexpr std::size_t kShownViolations = 50;

std::string TextAt(const Tree& tree, const char* part, const char* name) {
  const Tree* found = tree.Find(part);
  const std::string* text = found == nullptr ? nullptr : found->FindText(name);
  return text == nullptr ? std::string() : *text;
}

std::string Numbered(std::int64_t number) {
  std::string digits = std::to_string(number);
  return "ext-msg-" + std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

PhpValue IdList(const std::vector<std::string>& ids) {
  PhpValue list = PhpValue::Map();
  for (const std::string& id : ids) list.Append(id);
  return list;
}

// Of a refusal, as the contract has its statuses.
Outcome Refused(const std::string& mode) {
  if (mode == "too_old" || mode == "unsupported") {
    return {422, PhpValue::Map({{"outcome", mode}}).ToJson()};
  }
  return {static_cast<int>(stand_in::NumberOf(mode).value_or(400)),
          PhpValue::Map({{"error", "refused"}}).ToJson()};
}

}  // namespace

std::optional<Call> Call::Of(const Tree& body, std::string webhook_id) {
  const Tree* data = body.Find("data");
  const std::string* type = body.FindText("type");
  if (data == nullptr || type == nullptr || webhook_id.empty()) return std::nullopt;
  Call call;
  call.webhook_id = std::move(webhook_id);
  call.type = *type;
  call.portal = stand_in::Text(*data, "portal");
  call.connector = stand_in::Text(*data, "connector");
  call.line = stand_in::Text(*data, "line");
  call.chat = TextAt(*data, "chat", "id");
  call.message_id = TextAt(*data, "message", "id");
  call.im_message_id = stand_in::NumberOf(TextAt(*data, "im", "message_id")).value_or(0);
  call.text = TextAt(*data, "message", "text");
  if (const Tree* message = data->Find("message")) {
    call.removed = stand_in::Flag(*message, "deleted", false);
    const Tree* files = message->Find("files");
    call.files = files == nullptr ? 0 : static_cast<int>(files->items().size());
  }
  const bool of_message = call.type.starts_with("message.");
  if (of_message && (call.chat.empty() || call.im_message_id == 0)) return std::nullopt;
  return call;
}

void Book::Complain(std::string violation) {
  ++violation_count_;
  if (violations_.size() < kShownViolations) violations_.push_back(std::move(violation));
}

Book::Chat& Book::ChatOf(const Call& call) {
  Chat& chat = chats_[call.portal + '/' + call.connector + '/' + call.line + '/' + call.chat];
  if (chat.place.chat.empty()) chat.place = call;
  return chat;
}

void Book::Arrive(const Call& call) {
  ++types_[call.type];
  const std::string meaning =
      call.type + ' ' + std::to_string(call.im_message_id) + ' ' + call.chat;
  const auto [known, first] = meaning_.emplace(call.webhook_id, meaning);
  if (!first) ++repeats_;
  if (known->second != meaning) {
    Complain(call.webhook_id + " was " + known->second + " and is " + meaning);
  }
  if (call.chat.empty()) return;
  Chat& chat = ChatOf(call);
  if (chat.last != call.webhook_id) {
    if (!chat.last.empty()) chat.passed.insert(chat.last);
    if (chat.passed.contains(call.webhook_id)) {
      Complain(meaning + " was overtaken by " + meaning_[chat.last]);
    }
    chat.last = call.webhook_id;
  }
  CheckMessage(call, chat, first);
}

void Book::CheckMessage(const Call& call, Chat& chat, bool first) {
  if (call.im_message_id == 0) return;
  const std::string what = call.type + ' ' + std::to_string(call.im_message_id);
  const auto found = chat.messages.find(call.im_message_id);
  const bool deleted = found != chat.messages.end() && found->second.deleted;
  if (call.type == "message.created") {
    if (deleted) Complain(what + " came after its deletion");
    if (first && call.im_message_id < chat.newest) Complain(what + " came after a newer message");
    chat.newest = std::max(chat.newest, call.im_message_id);
  } else if (call.type == "message.updated" && deleted && !call.removed) {
    Complain(what + " came after its deletion");
  }
}

Outcome Book::Carry(const Call& call, const std::optional<Fault>& refusal) {
  const auto found = decided_.find(call.webhook_id);
  if (found != decided_.end()) return found->second;
  Outcome outcome = Work(call, refusal);
  if (outcome.status < 300) decided_[call.webhook_id] = outcome;
  return outcome;
}

Outcome Book::Work(const Call& call, const std::optional<Fault>& refusal) {
  if (call.chat.empty()) return refusal ? Refused(refusal->mode) : Outcome();
  Chat& chat = ChatOf(call);
  if (call.type == "message.deleted") return Delete(call, chat, refusal);
  if (refusal) return Refused(refusal->mode);
  chat.done.push_back(call.type +
                      (call.im_message_id == 0 ? "" : ' ' + std::to_string(call.im_message_id)));
  if (call.type == "message.created") return Create(call, chat);
  if (call.type == "message.updated") return Edit(call, chat);
  return {};
}

Outcome Book::Create(const Call& call, Chat& chat) {
  Message& message = chat.messages[call.im_message_id];
  if (message.sent) Complain("message.created " + std::to_string(call.im_message_id) + " twice");
  message.sent = true;
  message.text = call.text;
  message.files = call.files;
  std::vector<std::string> ids;
  for (int i = 0; i < settings.ids; ++i) ids.push_back(Numbered(next_id_++));
  for (const std::string& id : ids) message.parts.push_back({id});
  if (settings.late_ids) return {202, "{}"};
  return {200, PhpValue::Map({{"message", PhpValue::Map({{"ids", IdList(ids)}})}}).ToJson()};
}

Book::Part* Book::FindPart(const Call& call, Chat& chat) {
  const auto is_meant = [&](const Part& part) {
    return part.state != "deleted" && part.state != "gone" &&
           (call.message_id.empty() || part.id == call.message_id);
  };
  const auto message = chat.messages.find(call.im_message_id);
  if (message != chat.messages.end()) {
    std::vector<Part>& parts = message->second.parts;
    const auto part = std::find_if(parts.begin(), parts.end(), is_meant);
    if (part != parts.end()) return &*part;
  }
  if (call.message_id.empty()) return nullptr;
  const auto part = std::find_if(chat.incoming.begin(), chat.incoming.end(), is_meant);
  return part == chat.incoming.end() ? nullptr : &*part;
}

// Without the id of one, all of the message's are meant.
Outcome Book::Delete(const Call& call, Chat& chat, const std::optional<Fault>& refusal) {
  Message& message = chat.messages[call.im_message_id];
  message.deleted = true;
  Part* part = FindPart(call, chat);
  std::string& result = message.outcomes[call.webhook_id];
  if (refusal && refusal->mode != "404") {
    result = refusal->mode == "400" ? "failed" : refusal->mode;
    return Refused(refusal->mode);
  }
  if (part == nullptr || refusal) {
    result = "gone";
    if (part != nullptr) part->state = "gone";
    return Refused("404");
  }
  result = "done";
  chat.done.push_back("message.deleted " + std::to_string(call.im_message_id));
  part->state = "deleted";
  while (call.message_id.empty() && (part = FindPart(call, chat)) != nullptr) {
    part->state = "deleted";
  }
  return {};
}

Outcome Book::Edit(const Call& call, Chat& chat) {
  Message& message = chat.messages[call.im_message_id];
  message.text = call.text;
  ++message.edits;
  Part* part = FindPart(call, chat);
  if (part != nullptr && call.removed) part->state = "removed";
  return {};
}

void Book::Receive(const Call& place, const std::string& id) {
  ChatOf(place).incoming.push_back({id});
}

PhpValue Book::DescribeChats() const {
  const auto describe = [](const std::vector<Part>& parts) {
    PhpValue list = PhpValue::Map();
    for (const Part& part : parts) {
      list.Append(PhpValue::Map({{"id", part.id}, {"state", part.state}}));
    }
    return list;
  };
  PhpValue chats = PhpValue::Map();
  for (const auto& [key, chat] : chats_) {
    PhpValue messages = PhpValue::Map();
    for (const auto& [number, message] : chat.messages) {
      std::vector<std::string> outcomes;
      for (const auto& [id, outcome] : message.outcomes) outcomes.push_back(outcome);
      messages.Append(PhpValue::Map({{"im_message_id", number},
                                     {"text", message.text},
                                     {"files", message.files},
                                     {"edits", message.edits},
                                     {"sent", message.sent},
                                     {"deleted", message.deleted},
                                     {"parts", describe(message.parts)},
                                     {"outcomes", IdList(outcomes)}}));
    }
    chats.Append(PhpValue::Map({{"portal", chat.place.portal},
                                {"connector", chat.place.connector},
                                {"line", chat.place.line},
                                {"chat", chat.place.chat},
                                {"messages", std::move(messages)},
                                {"incoming", describe(chat.incoming)},
                                {"done", IdList(chat.done)}}));
  }
  return chats;
}

PhpValue Book::DescribeSummary() const {
  PhpValue types = PhpValue::Map();
  for (const auto& [type, count] : types_) types.Set(type, count);
  return PhpValue::Map({{"calls", std::move(types)},
                        {"decided", decided_.size()},
                        {"repeats", repeats_},
                        {"violation_count", violation_count_},
                        {"violations", IdList(violations_)}});
}

}  // namespace imrelay::channel_service
