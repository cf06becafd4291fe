#include "web/channel_api.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "codec/ascii.h"
#include "codec/body.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "domain/delivery.h"
#include "web/answers.h"
#include "web/rows.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestIdempotencyKey = 200;
constexpr std::size_t kMostRows = 50;
// Looked at to find those of the caller's lines among them: the second where those of other
// channels fill the first.
constexpr int kLookedAt[] = {1000, 20'000};
constexpr std::string_view kRoot = "/channel/v1/";
constexpr std::string_view kDeliveries = "deliveries/";

enum class Path { kMessages, kUpdate, kDelete, kConfirm, kDelivery, kUnknown };

struct KnownPath {
  Path path;
  const char* name;  // below the root; in logs and metrics
  const char* methods;
};
constexpr KnownPath kPaths[] = {
    {Path::kMessages, "messages", "GET, POST"}, {Path::kUpdate, "messages/update", "POST"},
    {Path::kDelete, "messages/delete", "POST"}, {Path::kConfirm, "messages/confirm", "POST"},
    {Path::kDelivery, "deliveries", "GET"},     {Path::kUnknown, "unknown", ""},
};

const KnownPath& PathOf(std::string_view path) {
  const KnownPath& unknown = kPaths[std::size(kPaths) - 1];
  if (!path.starts_with(kRoot)) return unknown;
  path.remove_prefix(kRoot.size());
  if (path.starts_with(kDeliveries)) return kPaths[static_cast<int>(Path::kDelivery)];
  for (const KnownPath& known : kPaths) {
    if (known.path != Path::kDelivery && path == known.name) return known;
  }
  return unknown;
}

std::string HeaderOf(const Request& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string() : found->second;
}

std::array<std::uint8_t, 16> DigestOf(const Secret& key) {
  const std::array<std::string_view, 1> parts{key.Reveal()};
  return Digest(parts);
}

// The key of "Bearer KEY"; empty for anything else.
std::string BearerKeyIn(const std::string& authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view text = authorization;
  if (!EqualsAnyCase(text.substr(0, kScheme.size()), kScheme)) return {};
  return std::string(text.substr(kScheme.size()));
}

int HttpStatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return error.reason.empty() ? 500 : 400;
    case ErrorCode::kUnauthenticated:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kRateLimited:
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kInternal:
      break;
  }
  return 500;
}

// What the database or the program itself complains of is for the log only.
Response AnswerTo(const Error& error) {
  const int status = HttpStatusOf(error);
  if (status == 503) return UnavailableAnswer("unavailable", "the database is away; ask again");
  if (status == 500) return ErrorAnswer(500, "internal", "the request could not be handled");
  const std::string code = error.reason.empty() ? "refused" : error.reason;
  return ErrorAnswer(code == "body_too_large" ? 413 : status, code, error.message);
}

Response UnknownKeyAnswer() {
  Response response = ErrorAnswer(401, "unauthorized",
                                  "the request needs Authorization: Bearer and the channel's key");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"imrelay\"");
  return response;
}

Response QueuedAnswer(const Queued& queued, int status) {
  JsonWriter json;
  json.BeginObject();
  if (queued.delivery != DeliveryId()) json.Key("delivery").Integer(queued.delivery.value());
  if (queued.repeated) json.Key("repeated").Bool(true);
  json.EndObject();
  Response response;
  response.status = queued.repeated ? 200 : status;
  response.body = json.Take();
  return response;
}

ReportQuery QueryOf(ReportQuery::What what) {
  ReportQuery query;
  query.what = what;
  return query;
}

Response JsonAnswer(std::string json) {
  Response response;
  response.body = std::move(json);
  return response;
}

}  // namespace

// One request until it is answered: its metric, its log line and its reply.
struct ChannelApi::Asked {
  Request request;
  Reply reply;
  const KnownPath& path;
  const ChannelCaller* caller;
  const std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();

  void Tell(Response response, const std::string& reason = {}) const {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    const LogLevel level = response.status >= 500   ? LogLevel::kError
                           : response.status >= 400 ? LogLevel::kWarning
                                                    : LogLevel::kInfo;
    const std::string status = std::to_string(response.status);
    const bool known = caller != nullptr;
    Log(level, "channel request",
        {{"path", path.name},
         {"method", request.method},
         {"http", status},
         {"channel", !known                 ? ""
                     : caller->name.empty() ? "default"
                                            : caller->name},
         {"reason", reason},
         {"remote", request.remote_address},
         {"ms", std::to_string(took.count())}});
    Count("imrelay_channel_requests_total", {{"path", path.name}, {"status", status}});
    reply(std::move(response));
  }
};

ChannelApi::ChannelApi(std::vector<ChannelCaller> callers, ConnectorId connector,
                       ChannelStore& channels, Store& store, RequestPool& pool, const Clock& clock)
    : callers_(std::move(callers)),
      connector_(std::move(connector)),
      channels_(channels),
      store_(store),
      pool_(pool),
      clock_(clock) {}

void ChannelApi::Handle(const Request& request, Reply reply) {
  const auto asked = std::make_shared<Asked>(
      Asked{request, std::move(reply), PathOf(request.path), FindCaller(request)});
  if (asked->caller == nullptr) return asked->Tell(UnknownKeyAnswer(), "unauthorized");
  const std::string_view methods = asked->path.methods;
  if (methods.empty()) {
    return asked->Tell(ErrorAnswer(404, "not_found", "there is nothing at this path"));
  }
  const bool post = request.method == "POST";
  if ((!post && request.method != "GET") || methods.find(request.method) == methods.npos) {
    return asked->Tell(WrongMethodAnswer(methods));
  }
  if (post) {
    if (const std::optional<Refusal> refusal = RefuseUnread(request, TakenFormats::kJson)) {
      return asked->Tell(ErrorAnswer(refusal->status, refusal->code, refusal->message),
                         std::string(refusal->code));
    }
  }
  const bool taken = pool_.Add([this, asked](bool late) {
    if (late) return asked->Tell(UnavailableAnswer("stopping", "this worker is stopping"));
    const Result<Response> answer = Answer(*asked);
    if (answer) return asked->Tell(*answer);
    const Error& error = answer.error();
    asked->Tell(AnswerTo(error), error.reason.empty() ? error.message : error.reason);
  });
  if (!taken) asked->Tell(UnavailableAnswer("too_busy", "too many requests wait already"));
}

const ChannelCaller* ChannelApi::FindCaller(const Request& request) const {
  const Secret key(BearerKeyIn(HeaderOf(request, "authorization")));
  const std::array<std::uint8_t, 16> theirs = DigestOf(key);
  const ChannelCaller* found = nullptr;
  // All of them are compared, and by digests, so that the time tells nothing, not even a length.
  for (const ChannelCaller& caller : callers_) {
    const bool same = EqualInConstantTime(theirs, DigestOf(caller.key));
    if (same && !caller.key.empty()) found = &caller;
  }
  return found;
}

const ChannelCaller& ChannelApi::CallerOf(const MemberId& portal, const ConnectorId& connector,
                                          LineId line) const {
  const auto found =
      std::find_if(callers_.begin(), callers_.end(), [&](const ChannelCaller& caller) {
        return caller.name.empty() || caller.lines.Include(portal, connector, line);
      });
  return found == callers_.end() ? callers_.back() : *found;
}

Result<Response> ChannelApi::Answer(const Asked& asked) {
  const bool get = asked.request.method == "GET";
  switch (asked.path.path) {
    case Path::kMessages:
      return get ? FindMessages(asked) : PostMessage(asked, kind::kIncomingCreated);
    case Path::kUpdate:
      return PostMessage(asked, kind::kIncomingUpdated);
    case Path::kDelete:
      return PostMessage(asked, kind::kIncomingDeleted);
    case Path::kConfirm:
      return PostIds(asked);
    case Path::kDelivery:
      return FindDelivery(asked);
    case Path::kUnknown:
      break;
  }
  return Fail(ErrorCode::kInternal, "no such path");
}

Result<MemberId> ChannelApi::OnlyPortal() {
  // Proven ones alone: an installation that is not, anybody can post.
  ReportQuery installed = QueryOf(ReportQuery::What::kInstalledPortals);
  installed.limit = 2;
  Result<Table> portals = store_.Report(installed);
  if (!portals) return Fail(std::move(portals).error());
  if (portals->rows.empty()) {
    return Fail(ErrorCode::kNotFound, "no portal has installed the application", "unknown_portal");
  }
  if (portals->rows.size() > 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "the field portal must be given: there is more than one installation",
                "invalid_field");
  }
  return MemberId(CellOf(*portals, 0, "member_id"));
}

Result<ChannelApi::Line> ChannelApi::LineOf(const Asked& asked, const Tree& body) {
  Result<NamedPlace> named = ReadPlace(body);
  if (!named) return Fail(std::move(named).error());
  const ServedLines& own = asked.caller->lines;
  Line line;
  line.line = named->line ? *named->line : own.line.value_or(LineId());
  if (line.line == LineId()) {
    return Fail(ErrorCode::kInvalidArgument,
                "the field line must be given: the number of an open line", "invalid_field");
  }
  line.connector = named->connector ? *named->connector : own.connector.value_or(connector_);
  if (named->portal || own.portal) {
    line.portal = named->portal ? *named->portal : *own.portal;
  } else {
    Result<MemberId> only = OnlyPortal();
    if (!only) return Fail(std::move(only).error());
    line.portal = *std::move(only);
  }
  if (&CallerOf(line.portal, line.connector, line.line) == asked.caller) return line;
  return Fail(ErrorCode::kUnauthenticated, "the line belongs to another channel", "wrong_line");
}

Result<ChannelRequest> ChannelApi::IdentityOf(const Asked& asked) const {
  ChannelRequest identity;
  identity.now = clock_.Now();
  const std::array<std::string_view, 2> content{asked.request.path, asked.request.body};
  identity.content = Digest(content);
  const std::string key = HeaderOf(asked.request, "idempotency-key");
  if (key.empty()) return identity;
  const bool well =
      key.size() <= kLongestIdempotencyKey &&
      std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!well) {
    return Fail(ErrorCode::kInvalidArgument,
                "the header Idempotency-Key must be at most 200 visible ASCII characters",
                "invalid_field");
  }
  const std::array<std::string_view, 3> parts{"request", asked.caller->name, key};
  identity.key = Digest(parts);
  return identity;
}

Result<Response> ChannelApi::PostMessage(const Asked& asked, std::string_view kind) {
  Result<ChannelRequest> identity = IdentityOf(asked);
  if (!identity) return Fail(std::move(identity).error());
  Result<Tree> body = ParseBody(BodyFormat::kJson, asked.request.body);
  if (!body) return Fail(std::move(body).error());
  Result<ChannelMessage> message = ReadMessage(kind, *body, identity->now);
  if (!message) return Fail(std::move(message).error());
  Result<Line> line = LineOf(asked, *body);
  if (!line) return Fail(std::move(line).error());
  IncomingMessage incoming;
  incoming.kind = kind;
  incoming.member_id = line->portal;
  incoming.place = {line->connector, line->line, message->chat};
  incoming.external_message_id = message->message;
  incoming.payload = std::move(message->payload);
  Result<Queued> queued = channels_.QueueIncoming(*identity, incoming);
  if (!queued) return Fail(std::move(queued).error());
  return QueuedAnswer(*queued, 202);
}

Result<Response> ChannelApi::PostIds(const Asked& asked) {
  Result<ChannelRequest> identity = IdentityOf(asked);
  if (!identity) return Fail(std::move(identity).error());
  Result<Tree> body = ParseBody(BodyFormat::kJson, asked.request.body);
  if (!body) return Fail(std::move(body).error());
  Result<MessageIds> named = ReadMessageIds(*body);
  if (!named) return Fail(std::move(named).error());
  Result<Line> line = LineOf(asked, *body);
  if (!line) return Fail(std::move(line).error());
  Result<Queued> queued = channels_.NameMessage(*identity, line->portal, line->connector,
                                                line->line, named->message, named->ids);
  if (!queued) return Fail(std::move(queued).error());
  return QueuedAnswer(*queued, 200);
}

bool ChannelApi::IsOwn(const Asked& asked, const Table& table, std::size_t row) const {
  const LineId line(ParseNumber(CellOf(table, row, "line_id")).value_or(0));
  return &CallerOf(MemberId(CellOf(table, row, "member_id")),
                   ConnectorId(CellOf(table, row, "connector")), line) == asked.caller;
}

Result<Response> ChannelApi::FindMessages(const Asked& asked) {
  Result<ReportQuery> wanted = ReadMessagesQuery(asked.request.query);
  if (!wanted) return Fail(std::move(wanted).error());
  // What is left then of another channel's lines IsOwn() drops.
  const ServedLines& lines = asked.caller->lines;
  if (lines.portal && !wanted->member_id) wanted->member_id = lines.portal->value();
  if (lines.connector) wanted->connector = lines.connector->value();
  if (lines.line) wanted->line_id = lines.line->value();
  Table table;
  std::vector<std::size_t> own;
  for (const int looked_at : kLookedAt) {
    wanted->limit = looked_at;
    Result<Table> found = store_.Report(*wanted);
    if (!found) return Fail(std::move(found).error());
    table = *std::move(found);
    own.clear();
    for (std::size_t row = 0; row < table.rows.size() && own.size() < kMostRows; ++row) {
      if (IsOwn(asked, table, row)) own.push_back(row);
    }
    const bool all = table.rows.size() < static_cast<std::size_t>(looked_at);
    if (all || own.size() == kMostRows) break;
  }
  JsonWriter json;
  json.BeginObject().Key("messages").BeginArray();
  for (const std::size_t row : own) WriteRow(table, row, {}, json);
  json.EndArray().EndObject();
  return JsonAnswer(json.Take());
}

Result<Response> ChannelApi::FindDelivery(const Asked& asked) {
  const std::string_view text =
      std::string_view(asked.request.path).substr(kRoot.size() + kDeliveries.size());
  const std::optional<std::int64_t> id = ParseNumber(text);
  ReportQuery wanted = QueryOf(ReportQuery::What::kDelivery);
  wanted.delivery_id = id.value_or(0);
  Result<Table> table = id ? store_.Report(wanted) : Result<Table>(Table());
  if (!table) return Fail(std::move(table).error());
  // One of another channel's line is as if there were none.
  if (table->rows.empty() || !IsOwn(asked, *table, 0)) {
    return Fail(ErrorCode::kNotFound, "there is no such delivery", "unknown_delivery");
  }
  JsonWriter json;
  WriteRow(*table, 0,
           {"id", "kind", "state", "attempts", "due_at", "last_error", "created_at", "finished_at",
            "external_chat_id", "external_message_id"},
           json);
  return JsonAnswer(json.Take());
}

}  // namespace imrelay
