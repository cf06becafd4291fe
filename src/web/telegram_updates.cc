#include "web/telegram_updates.h"

#include <array>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "codec/body.h"
#include "crypto/digest.h"
#include "domain/delivery.h"
#include "web/answers.h"
#include "web/telegram_message.h"

namespace imrelay {
namespace {

constexpr std::string_view kPath = "/channel/v1/telegram";
constexpr const char* kSecretHeader = "x-telegram-bot-api-secret-token";

// "" is the unnamed bot.
std::string_view NameIn(std::string_view path) {
  return path.size() <= kPath.size() ? std::string_view() : path.substr(kPath.size() + 1);
}

bool IsAuthentic(const Secret& key, const Request& request) {
  const auto sent = request.headers.find(kSecretHeader);
  // By digests, so that the time does not tell the key's length either.
  const std::string_view claimed =
      sent == request.headers.end() ? "" : std::string_view(sent->second);
  const std::array<std::string_view, 1> ours{key.Reveal()};
  const std::array<std::string_view, 1> theirs{claimed};
  return EqualInConstantTime(Digest(ours), Digest(theirs)) && !key.empty();
}

}  // namespace

struct TelegramUpdates::Bot {
  TelegramBot configured;
  std::atomic<bool> told{false};  // that its messages go nowhere
};

struct TelegramUpdates::Said {
  Response response;
  std::string status;
  std::string reason;

  static Said Ok(std::string status, std::string reason = {}) {
    Response response = StatusAnswer(status, reason);
    return {std::move(response), std::move(status), std::move(reason)};
  }
  static Said Refused(Response response, std::string reason) {
    return {std::move(response), "refused", std::move(reason)};
  }
  static Said Later(std::string code, std::string_view message) {
    return Refused(UnavailableAnswer(code, message), std::move(code));
  }
  static Said NotQueued(const Error& error) {
    const bool unknown_portal = error.reason == "unknown_portal";
    const bool never = error.code == ErrorCode::kInvalidArgument ||
                       error.code == ErrorCode::kConflict || error.code == ErrorCode::kNotFound;
    // A portal may be installed tomorrow; what an edit or an uninstalled portal lacks comes no
    // more.
    if (never && !unknown_portal) return Ok("ignored", error.reason);
    Response response = UnavailableAnswer(unknown_portal ? "unknown_portal" : "unavailable",
                                          "the update could not be stored; send it again");
    if (unknown_portal) response.headers = {{"Retry-After", "60"}};
    return Refused(std::move(response), error.reason.empty() ? error.message : error.reason);
  }
};

TelegramUpdates::TelegramUpdates(std::vector<TelegramBot> bots, ChannelStore& store,
                                 RequestPool& pool, const Clock& clock)
    : store_(store), pool_(pool), clock_(clock) {
  for (TelegramBot& bot : bots) {
    auto made = std::make_unique<Bot>();
    made->configured = std::move(bot);
    const std::string name = made->configured.name;
    bots_.emplace(name, std::move(made));
  }
}

TelegramUpdates::~TelegramUpdates() = default;

bool TelegramUpdates::Owns(std::string_view path) {
  return path.starts_with(kPath) && (path.size() == kPath.size() || path[kPath.size()] == '/');
}

void TelegramUpdates::Handle(const Request& request, Reply reply) {
  const auto found = bots_.find(NameIn(request.path));
  if (found == bots_.end()) return reply(ErrorAnswer(404, "not_found", "there is no such bot"));
  Bot& bot = *found->second;
  const auto tell = [&bot, remote = request.remote_address, reply = std::move(reply)](Said said) {
    const int status = said.response.status;
    Count("imrelay_channel_requests_total",
          {{"path", "telegram"}, {"status", std::to_string(status)}});
    Log(status >= 500   ? LogLevel::kError
        : status >= 400 ? LogLevel::kWarning
                        : LogLevel::kInfo,
        "telegram update",
        {{"status", said.status},
         {"http", std::to_string(status)},
         {"channel", bot.configured.name},
         {"reason", said.reason},
         {"remote", remote}});
    reply(std::move(said.response));
  };
  if (std::optional<Said> refused = Refuse(bot, request)) return tell(*std::move(refused));
  const bool taken = pool_.Add([this, &bot, body = request.body, tell](bool late) {
    tell(late ? Said::Later("stopping", "this worker is stopping") : Take(bot, body));
  });
  if (!taken) tell(Said::Later("too_busy", "too many requests wait already"));
}

std::optional<TelegramUpdates::Said> TelegramUpdates::Refuse(const Bot& bot,
                                                             const Request& request) {
  if (request.method != "POST") return Said::Refused(WrongMethodAnswer("POST"), "wrong_method");
  if (!IsAuthentic(bot.configured.key, request)) {
    return Said::Refused(
        ErrorAnswer(403, "wrong_secret", "the secret token is not the channel's key"),
        "wrong_secret");
  }
  const std::optional<Refusal> refusal = RefuseUnread(request, TakenFormats::kJson);
  if (!refusal) return std::nullopt;
  return Said::Refused(ErrorAnswer(refusal->status, refusal->code, refusal->message),
                       std::string(refusal->code));
}

TelegramUpdates::Said TelegramUpdates::Take(Bot& bot, std::string_view body) {
  const Result<Tree> update = ParseBody(BodyFormat::kJson, body);
  if (!update) return Said::Ok("ignored", update.error().reason);
  if (!bot.configured.portal || !bot.configured.line) {
    if (!bot.told.exchange(true)) {
      Log(LogLevel::kWarning, "a bot's messages go nowhere: its channel has no portal and line",
          {{"channel", bot.configured.name}});
    }
    return Said::Ok("ignored", "no_line");
  }
  return Queue(bot, *update);
}

TelegramUpdates::Said TelegramUpdates::Queue(const Bot& bot, const Tree& update) {
  const Tree* const edited = update.Find("edited_message");
  const Tree* const message = edited != nullptr ? edited : update.Find("message");
  const std::string* const update_id = update.FindText("update_id");
  // Somebody's place comes again as an edit whenever he moves.
  const bool moves = edited != nullptr && edited->Find("location") != nullptr;
  if (message == nullptr || update_id == nullptr || moves) return Said::Ok("ignored", "no_message");
  std::optional<TelegramMessage> read = ReadTelegramMessage(*message);
  if (!read) return Said::Ok("ignored", "no_content");

  // Numbers of updates begin anywhere after a week without any, and with another bot.
  const std::array<std::string_view, 5> key{"telegram", bot.configured.name, *update_id,
                                            read->chat_id, read->message_id};
  ChannelRequest asked;
  asked.key = Digest(key);
  asked.content = *asked.key;
  asked.now = clock_.Now();
  IncomingMessage incoming;
  incoming.kind = edited != nullptr ? kind::kIncomingUpdated : kind::kIncomingCreated;
  incoming.member_id = *bot.configured.portal;
  incoming.place = {bot.configured.connector, *bot.configured.line,
                    ExternalChatId(std::move(read->chat_id))};
  incoming.external_message_id = ExternalMessageId(std::move(read->message_id));
  incoming.payload = std::move(read->payload);

  const Result<Queued> queued = store_.QueueIncoming(asked, incoming);
  if (queued) return Said::Ok(queued->repeated ? "duplicate" : "accepted");
  return Said::NotQueued(queued.error());
}

}  // namespace imrelay
