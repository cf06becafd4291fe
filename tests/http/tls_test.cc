#include <doctest/doctest.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <time.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "http/client.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/portal/loopback_server.h"

namespace imrelay {
namespace {

struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct CertificateDeleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;
using Certificate = std::unique_ptr<X509, CertificateDeleter>;

// A certificate that names 127.0.0.1 and that nobody but its key signed.
Certificate SelfSigned(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key);
  REQUIRE(X509_sign(certificate.get(), key, EVP_sha256()) > 0);
  return certificate;
}

// A TLS server that nobody vouches for.
struct Untrusted {
  Untrusted() {
    http.server().Get("/", [this](const httplib::Request&, httplib::Response&) { ++requests; });
    REQUIRE(http.Start());
  }
  Key key{EVP_RSA_gen(2048)};
  Certificate certificate = SelfSigned(key.get());
  std::atomic<int> requests = 0;
  LoopbackServer http{std::make_unique<httplib::SSLServer>(certificate.get(), key.get())};
};

TEST_CASE("http client: sends nothing to a server whose certificate nobody vouches for") {
  Untrusted server;
  const std::string port = std::to_string(server.http.port());
  // A policy that lets the address pass does not let the certificate pass.
  const std::pair<std::string, AddressPolicy> cases[] = {
      {"127.0.0.1:" + port, {true}},
      {"127.0.0.1:" + port, {false, {"127.0.0.1:" + port}}},
      {"localhost:" + port, {false, {"localhost:" + port}}},
      {"LocalHost:" + port, {false, {"localhost:" + port}}},
  };
  for (const auto& one : cases) {
    const auto& host = one.first;
    const auto& policy = one.second;
    CAPTURE(host);
    HttpRequest request;
    request.method = "GET";
    request.url = "https://" + host + "/";

    const Result<HttpResponse> answer = MakeCurlClient(policy)->Send(request);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == ErrorCode::kUnavailable);
    CHECK(answer.error().message.find("certificate") != std::string::npos);
    CHECK(answer.error().reason == "certificate");
  }
  CHECK(server.requests == 0);
}

TEST_CASE("http client: tells when a certificate runs out, to who asks") {
  Untrusted server;
  const TemporaryDirectory directory;
  const std::string file = directory.File("certificate.pem");
  std::FILE* const pem = std::fopen(file.c_str(), "w");
  REQUIRE(pem != nullptr);
  REQUIRE(PEM_write_X509(pem, server.certificate.get()) == 1);
  std::fclose(pem);
  AddressPolicy policy{.allow_insecure_loopback = true};
  policy.trusted_certificates = file;
  const std::unique_ptr<HttpClient> client = MakeCurlClient(policy);
  HttpRequest request;
  request.method = "GET";
  request.url = "https://127.0.0.1:" + std::to_string(server.http.port()) + "/";

  const Result<HttpResponse> unasked = client->Send(request);
  request.tell_certificate = true;
  request.at_most_once = true;
  const Result<HttpResponse> asked = client->Send(request);

  REQUIRE_MESSAGE(unasked.has_value(), unasked.error().message);
  CHECK_FALSE(unasked->certificate_end.has_value());
  REQUIRE(asked.has_value());
  REQUIRE(asked->certificate_end.has_value());
  tm end{};
  REQUIRE(ASN1_TIME_to_tm(X509_get0_notAfter(server.certificate.get()), &end) == 1);
  CHECK(UnixSeconds(*asked->certificate_end) == timegm(&end));
}

}  // namespace
}  // namespace imrelay
