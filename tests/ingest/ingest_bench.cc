#include "tests/ingest/ingest_bench.h"

#include <doctest/doctest.h>

#include "base/await.h"

namespace imrelay {

std::string Posted::Body() const {
  std::string body = "event=" + event + "&event_handler_id=555";
  if (!data.empty()) body += '&' + data;
  body += "&ts=" + std::to_string(ts) + "&auth[member_id]=" + member_id;
  body += "&auth[application_token]=" + token;
  if (!more.empty()) body += '&' + more;
  return body;
}

std::string DataOf(std::int64_t message, const std::string& id, const std::string& text) {
  const std::string element = "&data[MESSAGES][0]";
  std::string data = "data[CONNECTOR]=Conn&data[LINE]=7" + element + "[im][chat_id]=1807" +
                     element + "[im][message_id]=" + std::to_string(message) + element +
                     "[chat][id]=chat-1" + element + "[message][text]=" + text;
  if (!id.empty()) data += element + "[message][id]=" + id;
  return data;
}

Keyring IngestBench::OpenKeyring(const std::string& path) {
  Result<Keyring> keyring = Keyring::OpenOrCreate(path);
  REQUIRE(keyring.has_value());
  return *std::move(keyring);
}

Result<Committed> IngestBench::Receive(Ingest& to, const std::string& body, Claimed& claimed,
                                       EventSource source, BodyFormat format) {
  return Await<Result<Committed>>(
      [&](Ingest::Done done) { to.Receive(format, body, {source}, claimed, std::move(done)); });
}

std::string IngestBench::Post(Ingest& to, const std::string& body, BodyFormat format) {
  Claimed claimed;
  const Result<Committed> received = Receive(to, body, claimed, EventSource::kWebhook, format);
  return received ? WordOf(received) : received.error().reason;
}

InstallationId IngestBench::PostInstall(const std::string& token, std::int64_t ts,
                                        const std::string& member_id) {
  Posted install{"ONAPPINSTALL",
                 "data[VERSION]=1",
                 ts,
                 member_id,
                 token,
                 "auth[access_token]=access-" + token + "&auth[refresh_token]=refresh-" + token};
  REQUIRE(Post(install) == "accepted");
  return PortalOf(member_id).waiting.at(0).id;
}

void IngestBench::InstallPortal(const std::string& token, std::int64_t ts,
                                const std::string& member_id) {
  Accept(PostInstall(token, ts, member_id), member_id);
}

void IngestBench::Refuse(InstallationId id) {
  REQUIRE(store().RefuseInstallation(id, "invalid_grant", clock.Now()).has_value());
}

}  // namespace imrelay
