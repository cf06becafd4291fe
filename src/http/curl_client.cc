#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <iterator>
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
constexpr std::size_t kKeptHandles = 64;  // each keeps a connection to one host
constexpr long kConnectionsOfHandle = 1;

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
  const AddressPolicy* policy = nullptr;
  Url url;
  std::string host;    // in lower case
  std::string origin;  // scheme://host:port
  bool plain_http = false;
  bool private_host = false;  // one of the policy's
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

bool IsAddress(const std::string& host) {
  in_addr ipv4;
  return host.starts_with('[') || inet_pton(AF_INET, host.c_str(), &ipv4) == 1;
}

curl_socket_t OpenSocket(void* data, curlsocktype /*purpose*/, curl_sockaddr* address) noexcept {
  auto& exchange = *static_cast<Exchange*>(data);
  const AddressKind kind = KindOf(address->addr);
  const bool loopback_for_tests =
      kind == AddressKind::kLoopback && exchange.policy->allow_insecure_loopback;
  const bool allowed =
      loopback_for_tests || exchange.policy->any_address ||
      (!exchange.plain_http && (kind == AddressKind::kPublic || exchange.private_host));
  if (!allowed) {
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

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
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
    exchange.response.headers[Lower(line.substr(0, colon))] =
        std::string(Trimmed(line.substr(colon + 1)));
  }
  return count;
}

std::optional<std::string> Part(CURLU* url, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string part(text);
  curl_free(text);
  return part;
}

tl::unexpected<Error> Refused(const std::string& host, const char* why) {
  return Fail(ErrorCode::kInvalidArgument, host + ": " + why, "address_refused");
}

// The host and the scheme, where this client may call them.
Result<Exchange> CheckUrl(const std::string& text, const AddressPolicy& policy) {
  Url url(curl_url());
  if (text.find('\0') != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return Fail(ErrorCode::kInvalidArgument, "not a valid URL", "address_refused");
  }
  Exchange exchange;
  exchange.policy = &policy;
  exchange.host = Lower(Part(url.get(), CURLUPART_HOST).value_or(""));
  const std::string port = Part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME).value_or("");
  if (Part(url.get(), CURLUPART_USER) || Part(url.get(), CURLUPART_PASSWORD)) {
    return Refused(exchange.host, "the URL names a user");
  }
  exchange.plain_http = scheme == "http";
  if (exchange.plain_http && !policy.any_address) {
    if (!policy.allow_insecure_loopback || !IsLoopbackHost(exchange.host)) {
      return Refused(exchange.host, "only https is called");
    }
  } else if (scheme != "https" && !exchange.plain_http) {
    return Refused(exchange.host, "only https is called");
  }
  const std::string authority = exchange.host + (port == "443" ? "" : ':' + port);
  exchange.private_host = policy.private_hosts.count(authority) != 0;
  const bool loopback_for_tests = policy.allow_insecure_loopback && IsLoopbackHost(exchange.host);
  if (IsAddress(exchange.host) && !exchange.private_host && !loopback_for_tests &&
      !policy.any_address) {
    return Refused(exchange.host, "an address in the place of a name");
  }
  exchange.origin = scheme + "://" + exchange.host + ':' + port;
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
  if (request.tell_certificate) curl_easy_setopt(handle, CURLOPT_CERTINFO, 1L);
  if (!exchange.policy->trusted_certificates.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, exchange.policy->trusted_certificates.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // Otherwise a time-out would wait for the thread that resolves the name.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "imrelay/" IMRELAY_VERSION);
  curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, kConnectionsOfHandle);
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

// Of the server's own certificate, which comes first. Source: curl, lib/vtls/x509asn1.c.
std::optional<TimePoint> CertificateEnd(CURL* handle) {
  curl_certinfo* certificates = nullptr;
  if (curl_easy_getinfo(handle, CURLINFO_CERTINFO, &certificates) != CURLE_OK ||
      certificates == nullptr || certificates->num_of_certs < 1) {
    return std::nullopt;
  }
  constexpr std::string_view kName = "Expire date:";
  for (const curl_slist* line = certificates->certinfo[0]; line != nullptr; line = line->next) {
    const std::string_view text(line->data);
    if (!text.starts_with(kName)) continue;
    const time_t end = curl_getdate(text.substr(kName.size()).data(), nullptr);
    if (end >= 0) return FromUnixSeconds(end);
  }
  return std::nullopt;
}

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(AddressPolicy policy) : policy_(std::move(policy)) {}

  Result<HttpResponse> Send(const HttpRequest& request) override {
    Result<Exchange> exchange = CheckUrl(request.url, policy_);
    if (!exchange) return Fail(std::move(exchange).error());
    const Result<List> headers = HeaderList(request);
    if (!headers) return Fail(headers.error());
    Handle handle = Take(exchange->origin);
    if (!handle) return Fail(ErrorCode::kUnavailable, "libcurl does not start");
    Prepare(handle.get(), request, *headers, *exchange);
    const CURLcode code = curl_easy_perform(handle.get());
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (request.tell_certificate) {
      exchange->response.certificate_end = CertificateEnd(handle.get());
    }
    curl_off_t connected = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
    // Nothing of this request may stay behind in a kept handle.
    curl_easy_reset(handle.get());
    GiveBack(exchange->origin, std::move(handle));
    if (code != CURLE_OK) return Fault(*exchange, code, connected > 0);
    exchange->response.status = static_cast<int>(status);
    return std::move(exchange->response);
  }

 private:
  static tl::unexpected<Error> Fault(const Exchange& exchange, CURLcode code, bool connected) {
    if (exchange.too_large) {
      return Fail(ErrorCode::kUnavailable, exchange.host + ": the answer is too large");
    }
    if (exchange.refused_address && !exchange.opened_socket) {
      return Refused(exchange.host, "its address is not a public one");
    }
    return Fail(ErrorCode::kUnavailable, exchange.host + ": " + curl_easy_strerror(code),
                code == CURLE_PEER_FAILED_VERIFICATION          ? "certificate"
                : code == CURLE_OPERATION_TIMEDOUT && connected ? "no_reply"
                                                                : "");
  }

  // The handle that called this origin last, so that its connection is the likeliest to live.
  Handle Take(const std::string& origin) {
    const std::lock_guard lock(mutex_);
    const auto kept = std::find_if(kept_.rbegin(), kept_.rend(),
                                   [&](const Kept& one) { return one.origin == origin; });
    if (kept == kept_.rend()) return Handle(curl_easy_init());
    Handle handle = std::move(kept->handle);
    kept_.erase(std::next(kept).base());
    return handle;
  }

  void GiveBack(const std::string& origin, Handle handle) {
    Kept longest_idle;  // closed after the lock is let go
    const std::lock_guard lock(mutex_);
    if (kept_.size() == kKeptHandles) {
      longest_idle = std::move(kept_.front());
      kept_.erase(kept_.begin());
    }
    kept_.push_back({origin, std::move(handle)});
  }

  struct Kept {
    std::string origin;
    Handle handle;
  };

  const AddressPolicy policy_;
  std::mutex mutex_;
  std::vector<Kept> kept_;  // the longest idle first
};

}  // namespace

std::unique_ptr<HttpClient> MakeCurlClient(AddressPolicy policy) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return std::make_unique<CurlClient>(std::move(policy));
}

}  // namespace imrelay
