#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/client.h"

struct curl_slist;
struct Curl_URL;

namespace imrelay {

// One of libcurl's easy handles, whose type is void.
struct CurlHandleDeleter {
  void operator()(void* handle) const;
};
using CurlHandle = std::unique_ptr<void, CurlHandleDeleter>;

// A new handle, with libcurl itself started before the first one. Null: it does not start.
CurlHandle NewCurlHandle();

// One request while libcurl sends it: what both clients do with it. Stays where it is, because the
// handle's callbacks know its address. They are called by C code, which no exception may cross:
// memory running out ends the process there.
class CurlRequest {
 public:
  // Checks the URL and the headers; errors as HttpClient::Send tells them. Keeps references to
  // `request` and `policy`.
  static Result<std::unique_ptr<CurlRequest>> Make(const HttpRequest& request,
                                                   const AddressPolicy& policy);
  ~CurlRequest();
  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;

  const std::string& origin() const { return origin_; }  // scheme://host:port

  // Sets every option of `handle`, which refers to this request until Finish().
  void Prepare(void* handle, std::chrono::milliseconds timeout);
  // The result, after libcurl ended with `code`, a CURLcode. Nothing of this request stays behind
  // in the handle's options; its connection does.
  Result<HttpResponse> Finish(void* handle, int code);

 private:
  struct Callbacks;
  struct ListDeleter {
    void operator()(curl_slist* list) const;
  };
  struct UrlDeleter {
    void operator()(Curl_URL* url) const;
  };

  CurlRequest(const HttpRequest& request, const AddressPolicy& policy)
      : request_(request), policy_(policy) {}

  Status CheckUrl();
  Status CheckScheme(const std::string& scheme) const;
  Status MakeHeaders();
  void PrepareCallbacks(void* handle);
  tl::unexpected<Error> Fault(int code, bool connected) const;

  const HttpRequest& request_;
  const AddressPolicy& policy_;
  std::unique_ptr<Curl_URL, UrlDeleter> url_;
  std::unique_ptr<curl_slist, ListDeleter> headers_;
  std::string host_;  // in lower case
  std::string origin_;
  bool plain_http_ = false;
  bool private_host_ = false;  // one of the policy's
  bool refused_address_ = false;
  bool opened_socket_ = false;
  bool too_large_ = false;
  std::size_t header_bytes_ = 0;
  HttpResponse response_;
};

}  // namespace imrelay
