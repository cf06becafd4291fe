#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "bitrix24/answer.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/endpoint.h"
#include "bitrix24/message_methods.h"
#include "bitrix24/methods.h"
#include "bitrix24/offline_methods.h"
#include "bitrix24/portal_calls.h"
#include "codec/form.h"
#include "codec/json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fuzz/answer_checks.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestWord = 40;
constexpr std::size_t kLongestSentence = 120;
constexpr std::size_t kLongestMessage = 400;
constexpr const char* kServer = "https://oauth.example";
constexpr const char* kPortal = "https://portal.example/rest/";
constexpr const char* kClientSecret = "B1Clientsecret0of0an0application0aaaaaaaaaaaaaaaaa";
constexpr const char* kToken = "5b00844001b0007cd181977d455de630432";

const FakeClock& TheClock() {
  static const FakeClock clock;
  return clock;
}

// Answers everything with the same, and sees that nobody but the one expected is called.
class OneAnswer final : public HttpClient {
 public:
  OneAnswer(const Result<HttpResponse>& answer, std::string_view base)
      : answer_(answer), base_(base) {}

  Result<HttpResponse> Send(const HttpRequest& request) override {
    Check(request.url.starts_with(base_), "no answer makes us call another address");
    Check(++calls_ <= 2, "no answer makes us call on and on");
    return answer_;
  }

 private:
  const Result<HttpResponse>& answer_;
  const std::string_view base_;
  int calls_ = 0;
};

void CheckWord(std::string_view word) {
  Check(!word.empty() && word.size() <= kLongestWord, "an error has a word");
  Check(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == word.npos,
        "a word is fit for logs");
  Check(!HasTokenLike(word), "a word is no token");
}

void CheckFailed(const CallError& error) {
  CheckWord(error.word);
  CheckLine(error.message, kLongestMessage);
  Check(!HasTokenLike(error.message), "nothing that could be a secret is told");
  if (!error.not_before) return;
  Check(error.fault == Fault::kLater, "only what can be repeated has a time");
  Check(
      *error.not_before > TheClock().Now() && *error.not_before <= TheClock().Now() + kLongestPause,
      "no pause is longer than the longest");
}

// What a reader makes of an answer.
template <class T>
bool Read(const CallResult& answer, const CallResultOf<T>& read, bool may_pass = false) {
  if (!read) CheckFailed(read.error());
  if (answer || (may_pass && answer.error().word == kAlreadyBound)) return read.has_value();
  Check(!read.has_value(), "no reader makes a success of an error");
  Check(read.error().fault == answer.error().fault && read.error().word == answer.error().word,
        "a reader passes an error on");
  return false;
}

void CheckOfflineEvents(const std::vector<OfflineEvent>& events) {
  Check(events.size() <= kMaxKeys, "a list has an end");
  for (const OfflineEvent& event : events) {
    Check(event.id > 0 && event.id <= kLargestOfflineId, "one can ask for what is behind an event");
    Check(!event.event.empty(), "an event has a name");
    Check(ParseJson(ClearOffline(event.process_id, {event.id}).parameters).has_value(),
          "clearing it is JSON");
  }
}

void CheckOffline(const CallResult& answer) {
  const CallResultOf<OfflinePage> page = ReadOfflinePage(answer);
  if (Read(answer, page)) {
    CheckOfflineEvents(page->events);
    Check(page->total >= static_cast<std::int64_t>(page->events.size()), "all is no less than one");
    Check(std::is_sorted(page->events.begin(), page->events.end(),
                         [](const auto& a, const auto& b) { return a.id < b.id; }),
          "a page stands by its numbers");
  }
  const CallResultOf<OfflineBatch> batch = ReadOfflineBatch(answer);
  if (Read(answer, batch)) CheckOfflineEvents(batch->events);
  const ChatId kChat(1807);
  const CallResultOf<std::vector<ChatMessage>> messages = ReadChatMessages(answer, kChat);
  if (!Read(answer, messages)) return;
  for (const ChatMessage& message : *messages)
    Check(message.id.value() > 0, "a message has a number");
}

void CheckReaders(const CallResult& answer) {
  CheckOffline(answer);
  Read(answer, ReadDone(answer));
  Read(answer, ReadBound(answer), true);
  Read(answer, ReadConnectorStatus(answer));
  Read(answer, ReadAppInfo(answer));
  Read(answer, ReadFeature(answer));
  Read(answer, ReadSent(answer));
  Read(answer, ReadTold(answer));
  const CallResultOf<std::vector<ConnectorId>> connectors = ReadConnectors(answer);
  if (Read(answer, connectors)) Check(connectors->size() <= kMaxKeys, "a list has an end");
  const CallResultOf<std::vector<std::string>> scope = ReadScope(answer);
  if (Read(answer, scope)) Check(scope->size() <= kMaxKeys, "a list has an end");
  const CallResultOf<std::vector<EventHandler>> rows = ReadEventHandlers(answer);
  if (!Read(answer, rows)) return;
  Check(rows->size() <= kMaxKeys, "a list has an end");
  for (const EventHandler& row : *rows) {
    Check(!row.event.empty() && !row.auth_type.empty(), "a row can be named again");
    Check(ParseJson(UnbindEvent(row).parameters).has_value(), "naming it is JSON");
  }
}

void CheckPortal(const Result<HttpResponse>& response) {
  OneAnswer http(response, kPortal);
  PortalCalls calls(http, TheClock());
  const CallResult answer = calls.Send(kPortal, Secret(kToken), {"app.info"});
  const int status = response ? response->status : 0;
  if (answer) {
    Check(status == 200, "only 200 is a success");
  } else {
    CheckFailed(answer.error());
    const bool redirect =
        status >= 301 && status <= 308 && status != 304 && status != 305 && status != 306;
    Check((answer.error().fault == Fault::kMoved) == redirect,
          "a redirect is a move, nothing else");
  }
  CheckReaders(answer);
  const CallResultOf<TokenUser> user = calls.Profile(kPortal, Secret(kToken));
  if (!user) return CheckFailed(user.error());
  Check(status == 200, "nobody is proven by an error");
}

void CheckRefused(const Error& error) {
  Check(error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kUnauthenticated ||
            error.code == ErrorCode::kInternal,
        "a refusal has one of the known codes");
  if (!error.reason.empty()) CheckWord(error.reason);
  CheckLine(error.message, kLongestMessage);
  Check(!HasTokenLike(error.message), "nothing that could be a secret is told");
}

void CheckServer(const Result<HttpResponse>& response) {
  const int status = response ? response->status : 0;
  OneAnswer http(response, kServer);
  AuthorizationServer server(http, {kServer});
  // A hint comes from an event: whoever posted it, nobody else is asked.
  const Result<TokenGrant> grant =
      server.Refresh({"local.client", Secret(kClientSecret)}, Secret(kToken), kPortal);
  if (grant) {
    Check(status == 200, "only 200 grants anything");
    Check(!grant->access_token.empty() && !grant->refresh_token.empty() &&
              !grant->member_id.value().empty() && ParseEndpoint(grant->client_endpoint),
          "a grant is whole");
    Check(grant->server == kServer, "it is ours who granted it");
  } else {
    CheckRefused(grant.error());
  }
  OneAnswer again(response, kServer);
  AuthorizationServer same(again, {kServer});
  const Result<TokenOwner> owner = same.AppInfo(Secret(kToken), kPortal);
  if (!owner) return CheckRefused(owner.error());
  Check(status == 200, "only 200 proves anything");
}

// A text as a server may write it in an answer, which is UTF-8.
void CheckSentence(std::string_view text) {
  const std::string sentence = RedactedSentence(text);
  Check(sentence.size() <= kLongestSentence, "a sentence is no longer than its limit");
  if (IsValidUtf8(text)) CheckLine(sentence, kLongestSentence);
  Check(!HasTokenLike(sentence, "_-+/=.~%"), "no sentence has a token in it");
  CheckWord(ErrorWord(text));
}

void CheckEndpoint(std::string_view url) {
  const std::optional<Endpoint> endpoint = ParseEndpoint(url);
  if (!endpoint) return;
  const std::optional<Endpoint> again = ParseEndpoint(endpoint->Url());
  Check(again && again->Url() == endpoint->Url(), "an address is read as it was written");
  Check(endpoint->Url().find_first_of(" @?#\\\r\n\t") == std::string::npos ||
            endpoint->path.find('@') != std::string::npos,
        "an address names no user and breaks no line");
  Check(endpoint->authority.find('@') == std::string::npos, "nobody is named before the host");
}

}  // namespace
}  // namespace imrelay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imrelay;
  const std::string_view input = InputOf(data, size);
  const Result<HttpResponse> response = AnswersOf(input, 1).front();
  CheckPortal(response);
  CheckServer(response);
  CheckSentence(input);
  CheckEndpoint(input);
  return 0;
}
