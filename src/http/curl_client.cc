#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "http/address.h"
#include "http/client.h"

namespace imrelay {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256 * 1024;
constexpr std::size_t kKeptHandles = 8;  // each keeps its own connections

struct HandleDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, HandleDeleter>;
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;
struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

// One request while it is under way. The callbacks are called by C code, which no exception may
// cross: memory running out ends the process there.
struct Exchange {
  AddressPolicy policy;
  Url url;
  std::string host;
  bool plain_http = false;
  bool refused_address = false;
  bool opened_socket = false;
  bool too_large = false;
  std::size_t header_bytes = 0;
  HttpResponse response;
};

bool IsLoopbackHost(const std::string& host) {
  // libcurl has brought every spelling of an address (0x7f.1) into this form.
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

curl_socket_t OpenSocket(void* data, curlsocktype /*purpose*/, curl_sockaddr* address) noexcept {
  auto& exchange = *static_cast<Exchange*>(data);
  const AddressKind kind = KindOf(address->addr);
  const bool allowed = kind == AddressKind::kLoopback ? exchange.policy.allow_insecure_loopback
                                                      : kind == AddressKind::kPublic;
  if (!allowed || (exchange.plain_http && kind != AddressKind::kLoopback)) {
    exchange.refused_address = true;
    return CURL_SOCKET_BAD;
  }
  exchange.opened_socket = true;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t TakeBody(char* bytes, std::size_t /*one*/, std::size_t count, void* data) noexcept {
  auto& exchange = *static_cast<Exchange*>(data);
  if (exchange.response.body.size() + count > kMaxAnswerBytes) {
    exchange.too_large = true;
    return 0;
  }
  exchange.response.body.append(bytes, count);
  return count;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::size_t TakeHeader(char* bytes, std::size_t /*one*/, std::size_t count, void* data) noexcept {
  auto& exchange = *static_cast<Exchange*>(data);
  exchange.header_bytes += count;
  if (exchange.header_bytes > kMaxHeaderBytes) {
    exchange.too_large = true;
    return 0;
  }
  const std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();  // after a 100 Continue
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    exchange.response.headers[name] = std::string(Trimmed(line.substr(colon + 1)));
  }
  return count;
}

std::optional<std::string> Part(CURLU* url, CURLUPart what) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, 0) != CURLUE_OK) return std::nullopt;
  std::string part(text);
  curl_free(text);
  return part;
}

tl::unexpected<Error> Refused(const std::string& host, const char* why) {
  return Fail(ErrorCode::kInvalidArgument, host + ": " + why, "address_refused");
}

// The host and the scheme, where this client may call them.
Result<Exchange> CheckUrl(const std::string& text, AddressPolicy policy) {
  Url url(curl_url());
  if (text.find('\0') != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return Fail(ErrorCode::kInvalidArgument, "not a valid URL", "address_refused");
  }
  Exchange exchange;
  exchange.policy = policy;
  exchange.host = Part(url.get(), CURLUPART_HOST).value_or("");
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME).value_or("");
  if (Part(url.get(), CURLUPART_USER) || Part(url.get(), CURLUPART_PASSWORD)) {
    return Refused(exchange.host, "the URL names a user");
  }
  exchange.plain_http = scheme == "http";
  if (exchange.plain_http) {
    if (!policy.allow_insecure_loopback || !IsLoopbackHost(exchange.host)) {
      return Refused(exchange.host, "only https is called");
    }
  } else if (scheme != "https") {
    return Refused(exchange.host, "only https is called");
  }
  exchange.url = std::move(url);
  return exchange;
}

bool IsHeaderText(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

Result<List> HeaderList(const HttpRequest& request) {
  // libcurl would wait for a "100 Continue" that many servers never send.
  List list(curl_slist_append(nullptr, "Expect:"));
  for (const auto& [name, value] : request.headers) {
    if (!IsHeaderText(name) || !IsHeaderText(value)) {
      return Fail(ErrorCode::kInvalidArgument, "a header holds a line break");
    }
    const std::string line = name + ": " + value;
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return list;
}

void Prepare(CURL* handle, const HttpRequest& request, const List& headers, Exchange& exchange) {
  curl_easy_reset(handle);                                      // options only: connections stay
  curl_easy_setopt(handle, CURLOPT_CURLU, exchange.url.get());  // parsed once, as checked
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");  // none, whatever the environment says
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "imrelay");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  // libcurl repeats even a POST by itself when a kept connection dies before the first byte of an
  // answer (lib/transfer.c, Curl_retry_request); on a fresh one it never does.
  if (request.at_most_once) curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
  if (request.method == "GET") {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &OpenSocket);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &TakeHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
}

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(AddressPolicy policy) : policy_(policy) {}

  Result<HttpResponse> Send(const HttpRequest& request) override {
    Result<Exchange> exchange = CheckUrl(request.url, policy_);
    if (!exchange) return Fail(std::move(exchange).error());
    const Result<List> headers = HeaderList(request);
    if (!headers) return Fail(headers.error());
    Handle handle = Take();
    if (!handle) return Fail(ErrorCode::kUnavailable, "libcurl does not start");
    Prepare(handle.get(), request, *headers, *exchange);
    const CURLcode code = curl_easy_perform(handle.get());
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    // Nothing of this request may stay behind in a kept handle.
    curl_easy_reset(handle.get());
    GiveBack(std::move(handle));
    if (code != CURLE_OK) return Fault(*exchange, code);
    exchange->response.status = static_cast<int>(status);
    return std::move(exchange->response);
  }

 private:
  static tl::unexpected<Error> Fault(const Exchange& exchange, CURLcode code) {
    if (exchange.too_large) {
      return Fail(ErrorCode::kUnavailable, exchange.host + ": the answer is too large");
    }
    if (exchange.refused_address && !exchange.opened_socket) {
      return Refused(exchange.host, "its address is not a public one");
    }
    return Fail(ErrorCode::kUnavailable, exchange.host + ": " + curl_easy_strerror(code));
  }

  Handle Take() {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(kept_.back());
    kept_.pop_back();
    return handle;
  }

  void GiveBack(Handle handle) {
    const std::lock_guard lock(mutex_);
    if (kept_.size() < kKeptHandles) kept_.push_back(std::move(handle));
  }

  const AddressPolicy policy_;
  std::mutex mutex_;
  std::vector<Handle> kept_;
};

}  // namespace

std::unique_ptr<HttpClient> MakeCurlClient(AddressPolicy policy) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return std::make_unique<CurlClient>(policy);
}

}  // namespace imrelay
