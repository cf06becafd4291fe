#include "channel/webhook_call.h"

#include <charconv>
#include <optional>

#include "base/result.h"
#include "codec/bbcode.h"
#include "codec/json.h"

namespace imrelay {
namespace {

constexpr std::string_view kRemoved = "message removed";

std::optional<std::int64_t> IntegerOf(const Tree& tree, std::string_view key) {
  const std::string* const text = tree.FindText(key);
  if (text == nullptr) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string_view TextOf(const Tree& tree, std::string_view key) {
  const std::string* const text = tree.FindText(key);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// What does not exist is left out.
void WriteText(JsonWriter& json, std::string_view key, std::string_view text) {
  if (!text.empty()) json.Key(key).String(text);
}

void WriteId(JsonWriter& json, std::string_view object, std::optional<std::int64_t> id) {
  if (id) json.Key(object).BeginObject().Key("id").Integer(*id).EndObject();
}

void WriteFiles(JsonWriter& json, const Tree& payload) {
  const Tree* const files = payload.Find("files");
  if (files == nullptr || files->items().empty()) return;
  json.Key("files").BeginArray();
  for (const auto& [index, file] : files->items()) {
    json.BeginObject();
    for (const std::string_view key : {"name", "type", "mime"}) {
      WriteText(json, key, TextOf(file, key));
    }
    WriteText(json, "url", TextOf(file, "link"));
    WriteText(json, "download_url", TextOf(file, "download_link"));
    if (const auto size = IntegerOf(file, "size")) json.Key("size").Integer(*size);
    json.EndObject();
  }
  json.EndArray();
}

void WriteContent(JsonWriter& json, const Tree& payload, WebhookCall& call) {
  call.bbcode = TextOf(payload, "text");
  const SignedText split = SplitSignature(call.bbcode);
  call.plain = PlainText(split.text);
  json.Key("text").String(call.plain).Key("bbcode").String(call.bbcode);
  WriteText(json, "signature", split.signature);
  WriteFiles(json, payload);
  WriteId(json, "user", IntegerOf(payload, "user_id"));
}

void WriteMessage(JsonWriter& json, const Delivery& delivery, CallForm form, const Tree& payload,
                  WebhookCall& call) {
  json.Key("message").BeginObject();
  if (delivery.external_message_id) {
    WriteText(json, "id", delivery.external_message_id->value());
  }
  if (form == CallForm::kRemovalAsEdit) {
    json.Key("text").String(kRemoved).Key("bbcode").String(kRemoved).Key("deleted").Bool(true);
  } else if (delivery.kind != kind::kMessageDeleted) {
    WriteContent(json, payload, call);
  }
  json.EndObject().Key("im").BeginObject();
  if (delivery.chat_id.value() != 0) json.Key("chat_id").Integer(delivery.chat_id.value());
  if (delivery.message_id) json.Key("message_id").Integer(delivery.message_id->value());
  json.EndObject();
}

void WriteSession(JsonWriter& json, const Tree& payload) {
  json.Key("session").BeginObject();
  if (const auto id = IntegerOf(payload, "session_id")) json.Key("id").Integer(*id);
  json.Key("closed").Bool(TextOf(payload, "closed") == "1").EndObject();
  WriteId(json, "user", IntegerOf(payload, "user_id"));
}

}  // namespace

WebhookCall MakeWebhookCall(const Delivery& delivery, CallForm form) {
  WebhookCall call;
  const bool edit = form == CallForm::kRemovalAsEdit;
  call.id = edit ? delivery.key + "-edit" : delivery.key;
  const Result<Tree> parsed = ParseJson(delivery.payload);  // of our own writing
  const Tree payload = parsed ? *parsed : Tree();
  const std::string_view type = edit ? kind::kMessageUpdated : std::string_view(delivery.kind);

  JsonWriter json;
  json.BeginObject().Key("type").String(type);
  json.Key("timestamp").String(FormatUtc(delivery.created_at)).Key("data").BeginObject();
  json.Key("portal").String(delivery.member_id.value());
  WriteText(json, "connector", delivery.connector.value());
  if (delivery.line.value() != 0) json.Key("line").Integer(delivery.line.value());
  if (!delivery.external_chat_id.value().empty()) {
    json.Key("chat").BeginObject().Key("id").String(delivery.external_chat_id.value()).EndObject();
  }
  if (type.starts_with("message.")) WriteMessage(json, delivery, form, payload, call);
  if (type.starts_with("dialog.")) WriteSession(json, payload);
  json.EndObject().EndObject();
  call.body = json.Take();
  return call;
}

}  // namespace imrelay
