#pragma once

#include <cstdint>
#include <string>

#include "crypto/keyring.h"
#include "ingest/ingest.h"
#include "tests/store/store_bench.h"

namespace imrelay {

// One posted event, as a form body.
struct Posted {
  std::string event = "ONIMCONNECTORMESSAGEADD";
  std::string data;  // encoded pairs, as data[LINE]=7&…
  std::int64_t ts = 1773748800;
  std::string member_id = "m1";
  std::string token = "token-a";
  std::string more = {};  // more encoded pairs

  std::string Body() const;
};

// A message's data; `id` may be empty.
std::string DataOf(std::int64_t message, const std::string& id = {},
                   const std::string& text = "hello");

// Ingest over a real store and key file. A second one on the same store stands for another process.
class IngestBench : public StoreBench {
 public:
  // What `to` tells of a body.
  static Result<Committed> Receive(Ingest& to, const std::string& body, Claimed& claimed,
                                   EventSource source = EventSource::kWebhook,
                                   BodyFormat format = BodyFormat::kForm);
  // "accepted", "duplicate", "ignored: reason", or the reason of the refusal.
  std::string Post(Ingest& to, const std::string& body, BodyFormat format = BodyFormat::kForm);
  std::string Post(const std::string& body, BodyFormat format = BodyFormat::kForm) {
    return Post(ingest, body, format);
  }
  std::string Post(const Posted& posted) { return Post(ingest, posted.Body()); }

  // Posts an ONAPPINSTALL and leaves it waiting.
  InstallationId PostInstall(const std::string& token, std::int64_t ts,
                             const std::string& member_id = "m1");
  // Posts it and has it proven.
  void InstallPortal(const std::string& token = "token-a", std::int64_t ts = 1773748800,
                     const std::string& member_id = "m1");
  void Refuse(InstallationId id);

 private:
  TemporaryDirectory keys_;

 public:
  Keyring keyring = OpenKeyring(keys_.File("keys"));
  Ingest ingest{store(), keyring, clock};
  Ingest other_process{store(), keyring, clock};

 private:
  static Keyring OpenKeyring(const std::string& path);
};

}  // namespace imrelay
