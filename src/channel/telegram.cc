#include "channel/telegram.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel/telegram_answer.h"
#include "channel/telegram_parts.h"
#include "codec/json.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = ChannelAnswer::Kind;
using Place = TelegramId::Place;

constexpr seconds kTextTime{10};
constexpr seconds kFileTime{20};     // Telegram fetches the file before it answers
constexpr seconds kShortestCall{4};  // with less time left, none is begun
constexpr seconds kAllTime = kLongestSend - seconds(1);
constexpr std::string_view kRemoved = "Message removed";
// What stands in the place of a piece that an edit has left nothing for.
constexpr std::string_view kNothingLeft = "…";

// What its callbacks need; lives as long as the last of them.
struct Bot {
  const TelegramSettings settings;
  AsyncHttpClient& http;
  const Clock& clock;
};

// One delivery while it is sent: calls the Bot API, perhaps several times one after another, and
// answers once. Lives in the callbacks of its calls.
class Sending : public std::enable_shared_from_this<Sending> {
 public:
  Sending(std::shared_ptr<const Bot> bot, const Delivery& delivery, Channel::Answered answered)
      : bot_(std::move(bot)),
        chat_(delivery.external_chat_id.value()),
        begun_at_(bot_->clock.Now()),
        ids_(delivery.made),
        answered_(std::move(answered)) {}

  void Create(const Tree& payload) {
    parts_ = TelegramParts(payload);
    if (parts_.empty()) return Refuse("the message has neither text nor files");
    for (const ExternalMessageId& made : ids_) {
      const std::optional<TelegramId> id = ReadTelegramId(made);
      leading_made_ = id && id->place == Place::kLeading;
      if (!leading_made_) ++next_;
    }
    SendNext();
  }

  void Edit(const TelegramId& id, const Tree& payload) {
    const std::string text = TelegramText(payload);
    if (id.place == Place::kBeside) return Done();  // nothing of the text stands there
    if (id.place == Place::kLink) return Refuse("a file that went as a link can have no text");
    const std::vector<std::string> pieces = SplitTelegramText(text, kMaxTelegramText);
    const auto piece = static_cast<std::size_t>(id.piece);
    if (id.piece == id.pieces && pieces.size() > piece) {
      return Refuse("the edited text is longer than the messages that it stands in");
    }
    // Without a text it can only be a file's caption.
    if (text.empty()) return EditPlace("editMessageCaption", id, {});
    EditPlace("editMessageText", id,
              piece <= pieces.size() ? pieces[piece - 1] : std::string(kNothingLeft));
  }

  void Delete(const TelegramId& id) {
    JsonWriter body = Begin();
    body.Key("message_id").Integer(id.message_id);
    Call("deleteMessage", std::move(body), kTextTime, {},
         [](Sending& self, const TelegramAnswer& answer) {
           self.Finish(JudgeTelegram(TelegramCall::kDelete, answer));
         });
  }

  void Remove(const TelegramId& id) {
    removes_ = true;
    EditPlace("editMessageText", id, std::string(kRemoved));
  }

  void Done() { Finish(ChannelAnswer{}); }
  void Refuse(std::string reason, Kind kind = Kind::kFailed) {
    ChannelAnswer answer;
    answer.kind = kind;
    answer.reached = true;  // the endpoint has no part in it
    answer.reason = std::move(reason);
    Finish(std::move(answer));
  }

 private:
  using Then = void (*)(Sending&, const TelegramAnswer&);
  // How a file goes: as what it is, or as a document, or as its link in a text. Telegram refuses
  // photos that are too large, and by URL most documents but PDF, ZIP and GIF.
  enum class Way { kAsItIs, kDocument, kLink };

  JsonWriter Begin() const {
    JsonWriter body;
    body.BeginObject().Key("chat_id");
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(chat_.data(), chat_.data() + chat_.size(), number);
    if (error == std::errc() && end == chat_.data() + chat_.size()) {
      body.Integer(number);
    } else {
      body.String(chat_);
    }
    return body;
  }

  milliseconds Left() const { return kAllTime - (bot_->clock.Now() - begun_at_); }

  // `text` is the message's, which must not be kept.
  void Call(std::string_view method, JsonWriter body, milliseconds time, const std::string& text,
            Then then) {
    HttpRequest request;
    request.url = bot_->settings.api_url + "/bot";
    request.url += bot_->settings.token.Reveal();
    request.url += '/';
    request.url += method;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body.EndObject().Take();
    request.read_at_most = kLongestAnswer;
    request.timeout = std::clamp(Left(), milliseconds(1), time);
    bot_->http.Send(std::move(request),
                    [self = shared_from_this(), text, then](const Result<HttpResponse>& response) {
                      then(*self, ReadTelegramAnswer(response, text));
                    });
  }

  void SendNext() {
    if (next_ >= parts_.size()) {
      ChannelAnswer done;
      done.reached = status_ != 0;
      done.attempt.http_status = status_;
      return Finish(std::move(done));
    }
    if (Left() < kShortestCall) {
      ChannelAnswer later;
      later.kind = Kind::kLater;
      later.reached = true;
      later.reason = "the rest of the message follows";
      return Finish(std::move(later));
    }
    const TelegramPart& part = parts_[next_];
    sent_ = part.id;
    if (part.kind == TelegramPart::Kind::kText) return SendText(part.text);
    if (way_ == Way::kLink || leading_made_ || part.link.empty()) return SendLink(part);
    const bool photo = part.kind == TelegramPart::Kind::kPhoto && way_ == Way::kAsItIs;
    JsonWriter body = Begin();
    body.Key(photo ? "photo" : "document").String(part.link);
    if (!part.text.empty()) body.Key("caption").String(part.text);
    Call(photo ? "sendPhoto" : "sendDocument", std::move(body), kFileTime, part.text,
         [](Sending& self, const TelegramAnswer& answer) { self.FileAnswered(answer); });
  }

  // The text is a message of its own then, which an edit replaces without the link.
  void SendLink(const TelegramPart& part) {
    way_ = Way::kLink;
    if (!part.text.empty() && !leading_made_) {
      sent_.place = Place::kLeading;
      return SendText(part.text);
    }
    const bool alone = parts_.size() == 1 && part.text.empty();
    sent_.place = alone ? Place::kLink : Place::kBeside;
    // Longer ones are cut: both have to fit.
    constexpr std::size_t kLongest = kMaxTelegramText / 2 - 2;
    const std::vector<std::string> name = SplitTelegramText(part.name, kLongest);
    const std::vector<std::string> link = SplitTelegramText(part.link, kLongest);
    SendText((name.empty() ? "file" : name.front()) + (link.empty() ? "" : ": " + link.front()));
  }

  void SendText(const std::string& text) {
    JsonWriter body = Begin();
    body.Key("text").String(text);
    Call("sendMessage", std::move(body), kTextTime, text,
         [](Sending& self, const TelegramAnswer& answer) { self.PartAnswered(answer); });
  }

  void FileAnswered(const TelegramAnswer& answer) {
    if (answer.ok || answer.code != 400 || !answer.migrate_to.empty()) return PartAnswered(answer);
    const bool photo = parts_[next_].kind == TelegramPart::Kind::kPhoto && way_ == Way::kAsItIs;
    way_ = photo ? Way::kDocument : Way::kLink;
    SendNext();
  }

  void PartAnswered(const TelegramAnswer& answer) {
    if (!answer.ok) return Finish(JudgeTelegram(TelegramCall::kSend, answer));
    status_ = answer.status;
    if (answer.message_id) {
      sent_.message_id = *answer.message_id;
      ids_.push_back(WriteTelegramId(sent_));
    }
    leading_made_ = sent_.place == Place::kLeading;
    if (!leading_made_) {
      ++next_;
      way_ = Way::kAsItIs;
    }
    SendNext();
  }

  void EditPlace(std::string_view method, const TelegramId& id, std::string text) {
    sent_ = id;
    text_ = std::move(text);
    const bool caption = method == "editMessageCaption";
    JsonWriter body = Begin();
    body.Key("message_id").Integer(id.message_id);
    body.Key(caption ? "caption" : "text").String(text_);
    Call(
        method, std::move(body), kTextTime, text_,
        caption ? [](Sending& self, const TelegramAnswer& answer) { self.CaptionAnswered(answer); }
                : [](Sending& self, const TelegramAnswer& answer) { self.TextAnswered(answer); });
  }

  void TextAnswered(const TelegramAnswer& answer) {
    if (!answer.ok && answer.code == 400 && Says(answer, kNoTextToEdit)) {
      return EditPlace("editMessageCaption", sent_, text_);
    }
    FinishEdit(answer);
  }

  void CaptionAnswered(const TelegramAnswer& answer) {
    ChannelAnswer judged = JudgeTelegram(TelegramCall::kEdit, answer);
    if (removes_ && judged.kind == Kind::kDone) {
      judged.kind = Kind::kUnsupported;
      judged.reason = "the caption was removed, but Telegram keeps a file that is edited";
      return Finish(std::move(judged));
    }
    FinishEdit(answer);
  }

  void FinishEdit(const TelegramAnswer& answer) {
    ChannelAnswer judged = JudgeTelegram(TelegramCall::kEdit, answer);
    if (removes_ && judged.kind == Kind::kFailed && Says(answer, "message to edit not found")) {
      judged.kind = Kind::kGone;
    }
    Finish(std::move(judged));
  }

  void Finish(ChannelAnswer answer) {
    answer.attempt.begun_at = begun_at_;
    answer.attempt.took = bot_->clock.Now() - begun_at_;
    answer.external_ids = std::move(ids_);
    answered_(std::move(answer));
  }

  const std::shared_ptr<const Bot> bot_;
  const std::string chat_;
  const TimePoint begun_at_;

  std::vector<TelegramPart> parts_;
  std::size_t next_ = 0;       // of parts_
  Way way_ = Way::kAsItIs;     // of this part
  bool leading_made_ = false;  // this part's text went, its link is to follow
  std::vector<ExternalMessageId> ids_;
  int status_ = 0;

  TelegramId sent_;   // what is sent or edited now
  std::string text_;  // of an edit
  bool removes_ = false;

  const Channel::Answered answered_;
};

class TelegramChannel final : public Channel {
 public:
  TelegramChannel(TelegramSettings settings, AsyncHttpClient& http, const Clock& clock)
      : bot_(std::make_shared<const Bot>(Bot{std::move(settings), http, clock})) {}

  void Send(const Delivery& delivery, Answered answered) override {
    const auto sending = std::make_shared<Sending>(bot_, delivery, std::move(answered));
    const bool created = delivery.kind == kind::kMessageCreated;
    const bool updated = delivery.kind == kind::kMessageUpdated;
    if (!created && !updated && delivery.kind != kind::kMessageDeleted) return sending->Done();

    Tree payload;
    if (created || updated) {
      Result<Tree> parsed = ParseJson(delivery.payload);
      if (!parsed) return sending->Refuse("the message's text and files cannot be read");
      payload = *std::move(parsed);
    }
    if (created) return sending->Create(payload);
    const std::optional<TelegramId> id = IdOf(delivery);
    if (!id) return sending->Refuse("the message's number in Telegram is not known");
    if (updated) return sending->Edit(*id, payload);
    sending->Delete(*id);
  }

  void SendRemovalAsEdit(const Delivery& delivery, Answered answered) override {
    const auto sending = std::make_shared<Sending>(bot_, delivery, std::move(answered));
    const std::optional<TelegramId> id = IdOf(delivery);
    if (!id) return sending->Refuse("the message's number in Telegram is not known");
    sending->Remove(*id);
  }

  // Source: core.telegram.org/bots/api, deleteMessage.
  std::optional<seconds> delete_limit() const override { return std::chrono::hours(48); }

 private:
  static std::optional<TelegramId> IdOf(const Delivery& delivery) {
    if (!delivery.external_message_id) return std::nullopt;
    return ReadTelegramId(*delivery.external_message_id);
  }

  const std::shared_ptr<const Bot> bot_;
};

}  // namespace

std::unique_ptr<Channel> MakeTelegramChannel(TelegramSettings settings, AsyncHttpClient& http,
                                             const Clock& clock) {
  return std::make_unique<TelegramChannel>(std::move(settings), http, clock);
}

}  // namespace imrelay
