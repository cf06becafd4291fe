#include "http/curl_request.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "http/address.h"

namespace imrelay {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256 * 1024;
constexpr long kConnectionsOfHandle = 1;

bool IsLoopbackHost(const std::string& host) {
  // libcurl has brought every spelling of an address (0x7f.1) into this form.
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

bool IsAddress(const std::string& host) {
  in_addr ipv4;
  return host.starts_with('[') || inet_pton(AF_INET, host.c_str(), &ipv4) == 1;
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

bool IsHeaderText(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
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

}  // namespace

void CurlHandleDeleter::operator()(void* handle) const { curl_easy_cleanup(handle); }
void CurlRequest::ListDeleter::operator()(curl_slist* list) const { curl_slist_free_all(list); }
void CurlRequest::UrlDeleter::operator()(Curl_URL* url) const { curl_url_cleanup(url); }

CurlHandle NewCurlHandle() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return CurlHandle(curl_easy_init());
}

struct CurlRequest::Callbacks {
  static curl_socket_t OpenSocket(void* data, curlsocktype /*purpose*/,
                                  curl_sockaddr* address) noexcept {
    auto& request = *static_cast<CurlRequest*>(data);
    const AddressKind kind = KindOf(address->addr);
    const bool loopback_for_tests =
        kind == AddressKind::kLoopback && request.policy_.allow_insecure_loopback;
    const bool in_the_clear = request.plain_http_ && kind == AddressKind::kPublic;
    const bool any =
        request.policy_.any_address && !(in_the_clear && request.policy_.https_to_public);
    const bool allowed =
        loopback_for_tests || any ||
        (!request.plain_http_ && (kind == AddressKind::kPublic || request.private_host_));
    if (!allowed) {
      request.refused_address_ = true;
      return CURL_SOCKET_BAD;
    }
    request.opened_socket_ = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  static std::size_t TakeBody(char* bytes, std::size_t /*one*/, std::size_t count,
                              void* data) noexcept {
    auto& request = *static_cast<CurlRequest*>(data);
    const std::optional<std::size_t> most = request.request_.read_at_most;
    const std::size_t left = most.value_or(kMaxAnswerBytes) - request.response_.body.size();
    if (count <= left) {
      request.response_.body.append(bytes, count);
      return count;
    }
    if (most) request.response_.body.append(bytes, left);
    (most ? request.response_.longer : request.too_large_) = true;
    return 0;
  }

  static std::size_t TakeHeader(char* bytes, std::size_t /*one*/, std::size_t count,
                                void* data) noexcept {
    auto& request = *static_cast<CurlRequest*>(data);
    request.header_bytes_ += count;
    if (request.header_bytes_ > kMaxHeaderBytes) {
      request.too_large_ = true;
      return 0;
    }
    const std::string_view line(bytes, count);
    if (line.starts_with("HTTP/")) request.response_.headers.clear();  // after a 100 Continue
    const std::size_t colon = line.find(':');
    const bool kept =
        request.header_bytes_ <= request.request_.read_at_most.value_or(kMaxHeaderBytes);
    if (kept && colon != std::string_view::npos) {
      request.response_.headers[Lower(line.substr(0, colon))] =
          std::string(Trimmed(line.substr(colon + 1)));
    }
    return count;
  }
};

Result<std::unique_ptr<CurlRequest>> CurlRequest::Make(const HttpRequest& request,
                                                       const AddressPolicy& policy) {
  std::unique_ptr<CurlRequest> made(new CurlRequest(request, policy));
  const Status url = made->CheckUrl();
  if (!url) return Fail(url.error());
  const Status headers = made->MakeHeaders();
  if (!headers) return Fail(headers.error());
  return made;
}

CurlRequest::~CurlRequest() = default;

Status CurlRequest::CheckScheme(const std::string& scheme) const {
  if (scheme == "https" || (scheme == "http" && policy_.any_address)) return {};
  if (scheme == "http" && policy_.allow_insecure_loopback && IsLoopbackHost(host_)) return {};
  return Refused(host_, "only https is called");
}

// The host and the scheme, where this client may call them.
Status CurlRequest::CheckUrl() {
  url_.reset(curl_url());
  if (request_.url.find('\0') != std::string::npos ||
      curl_url_set(url_.get(), CURLUPART_URL, request_.url.c_str(), 0) != CURLUE_OK) {
    return Fail(ErrorCode::kInvalidArgument, "not a valid URL", "address_refused");
  }
  host_ = Lower(Part(url_.get(), CURLUPART_HOST).value_or(""));
  const std::string port = Part(url_.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  const std::string scheme = Part(url_.get(), CURLUPART_SCHEME).value_or("");
  if (Part(url_.get(), CURLUPART_USER) || Part(url_.get(), CURLUPART_PASSWORD)) {
    return Refused(host_, "the URL names a user");
  }
  const Status callable = CheckScheme(scheme);
  if (!callable) return callable;
  plain_http_ = scheme == "http";
  const std::string authority = host_ + (port == "443" ? "" : ':' + port);
  private_host_ = policy_.private_hosts.count(authority) != 0;
  const bool loopback_for_tests = policy_.allow_insecure_loopback && IsLoopbackHost(host_);
  if (IsAddress(host_) && !private_host_ && !loopback_for_tests && !policy_.any_address) {
    return Refused(host_, "an address in the place of a name");
  }
  origin_ = scheme + "://" + host_ + ':' + port;
  return {};
}

Status CurlRequest::MakeHeaders() {
  // libcurl would wait for a "100 Continue" that many servers never send.
  headers_.reset(curl_slist_append(nullptr, "Expect:"));
  for (const auto& [name, value] : request_.headers) {
    if (!IsHeaderText(name) || !IsHeaderText(value)) {
      return Fail(ErrorCode::kInvalidArgument, "a header holds a line break");
    }
    const std::string line = name + ": " + value;
    curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  }
  return {};
}

void CurlRequest::Prepare(void* handle, std::chrono::milliseconds timeout) {
  curl_easy_reset(handle);                              // options only: connections stay
  curl_easy_setopt(handle, CURLOPT_CURLU, url_.get());  // parsed once, as checked
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");  // none, whatever the environment says
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  if (request_.tell_certificate) curl_easy_setopt(handle, CURLOPT_CERTINFO, 1L);
  if (!policy_.trusted_certificates.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, policy_.trusted_certificates.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // Otherwise a time-out would wait for the thread that resolves the name.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "imrelay/" IMRELAY_VERSION);
  curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, kConnectionsOfHandle);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
  // libcurl repeats even a POST by itself when a kept connection dies before the first byte of an
  // answer (lib/transfer.c, Curl_retry_request); on a fresh one it never does.
  if (request_.at_most_once) curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
  if (request_.method == "GET") {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  PrepareCallbacks(handle);
}

void CurlRequest::PrepareCallbacks(void* handle) {
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &Callbacks::OpenSocket);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Callbacks::TakeBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Callbacks::TakeHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
}

Result<HttpResponse> CurlRequest::Finish(void* handle, int code) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (request_.tell_certificate) response_.certificate_end = CertificateEnd(handle);
  curl_off_t connected = 0;
  curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &connected);
  curl_easy_reset(handle);
  const bool given_up = code == CURLE_WRITE_ERROR && response_.longer;
  if (code != CURLE_OK && !given_up) return Fault(code, connected > 0);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

tl::unexpected<Error> CurlRequest::Fault(int code, bool connected) const {
  if (refused_address_ && !opened_socket_) {
    return Refused(host_, policy_.any_address ? "its address is public: only https is called there"
                                              : "its address is not a public one");
  }
  const char* reason = "";
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    reason = "certificate";
  } else if (connected) {
    reason = code == CURLE_OPERATION_TIMEDOUT ? "no_reply" : "cut";
  }
  const char* const why =
      too_large_ ? "the answer is too large" : curl_easy_strerror(static_cast<CURLcode>(code));
  return Fail(ErrorCode::kUnavailable, host_ + ": " + why, reason);
}

}  // namespace imrelay
