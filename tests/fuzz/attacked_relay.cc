#include "tests/fuzz/attacked_relay.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/await.h"
#include "base/utf8.h"
#include "codec/event_decoder.h"
#include "recovery/waiting_events.h"
#include "tests/fuzz/body_checks.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

constexpr const char* kKnown = "bac1cd5c8940947a75e0d71b1a84e348";
constexpr const char* kKnownToken = "831c76b092f9f135d9b6b36c3a720757";
constexpr const char* kBystander = "b1857a4de20000000000000000000001";
// Nowhere in the corpora or the dictionary.
constexpr const char* kBystanderToken = "6f1d0c5b7a3e49288f0e2d4c6b8a1735";

// What a webhook's post comes to: the one place where these programs call ingest.
Result<Committed> Receive(Ingest& ingest, BodyFormat format, std::string_view body) {
  Claimed claimed;
  Result<Committed> received = Await<Result<Committed>>(
      [&](Ingest::Done done) { ingest.Receive(format, body, {}, claimed, std::move(done)); });
  Check(IsValidUtf8(claimed.event + claimed.member_id), "what a request claims is valid UTF-8");
  return received;
}

std::string AuthOf(const char* member_id, const char* token) {
  return std::string("&auth[member_id]=") + member_id + "&auth[application_token]=" + token;
}

std::string InstallationOf(const char* member_id, const char* token) {
  return "event=ONAPPINSTALL&data[VERSION]=1&ts=1773750000&auth[access_token]=a&auth"
         "[refresh_token]=r" +
         AuthOf(member_id, token);
}

// A message event as in tests/data/wire: the same line, chat and message for every portal.
std::string MessageOf(const char* kind, const char* number, const char* id, const char* auth) {
  const std::string element = "&data[MESSAGES][0]";
  return std::string("event=ONIMCONNECTORMESSAGE") + kind +
         "&data[CONNECTOR]=myconnector&data[LINE]=107" + element + "[im][chat_id]=1807" + element +
         "[im][message_id]=" + number + element + "[chat][id]=channel-123" + element +
         "[message][id]=" + id + "&ts=17737600" + number + auth;
}

void ProveAll(Store& store, Ingest& ingest, TimePoint now) {
  while (true) {
    const Result<std::optional<InstallationWork>> work = store.TakeInstallation(now);
    Check(work.has_value(), "an installation can be taken up");
    if (!*work) break;
    const MemberId& member_id = (*work)->member_id;
    ProvenInstallation proven;
    proven.client_endpoint = "https://some-domain.bitrix24.com/rest/";
    proven.domain = "some-domain.bitrix24.com";
    proven.scope = "imconnector";
    proven.sealed_access_token = proven.sealed_refresh_token = "sealed";
    // The bystander is proven once, before the attack.
    const Result<std::optional<Portal>> portal = store.FindPortal(member_id);
    Check(portal && *portal, "an installation has its portal");
    const bool refuse = member_id.value() == kBystander && (*portal)->token.has_value();
    const Status decided = refuse ? store.RefuseInstallation((*work)->id, "invalid_grant", now)
                                  : store.AcceptInstallation((*work)->id, proven, now);
    Check(decided.has_value(), "a proof can be recorded");
  }
  Check(ApplyWaitingEvents(store, ingest).has_value(), "what waited can be applied");
}

std::unique_ptr<SqliteStore> Open(const std::string& path) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);
  Check(store.has_value(), "the store opens");
  return *std::move(store);
}

const Keyring& TheKeyring() {
  static const TemporaryDirectory directory;
  static const Result<Keyring> keyring = Keyring::OpenOrCreate(directory.File("keys"));
  Check(keyring.has_value(), "the key file opens");
  return *keyring;
}

// A database as it is before an attack, made once.
std::string Template() {
  static const TemporaryDirectory directory;
  const std::string path = directory.File("template.db");
  if (std::filesystem::exists(path)) return path;
  const std::unique_ptr<SqliteStore> store = Open(path);
  const FakeClock clock;
  Ingest ingest(*store, TheKeyring(), clock);
  const std::array<std::pair<const char*, const char*>, 2> portals{
      {{kKnown, kKnownToken}, {kBystander, kBystanderToken}}};
  for (const auto& [member_id, token] : portals) {
    const std::string auth = AuthOf(member_id, token);
    const std::array<std::string, 6> bodies{
        InstallationOf(member_id, token),
        MessageOf("ADD", "86497", "", auth.c_str()),
        MessageOf("ADD", "86499", "", auth.c_str()),
        MessageOf("UPDATE", "86501", "ext-msg-005", auth.c_str()),
        MessageOf("DELETE", "86500", "ext-msg-004", auth.c_str()),
        "event=ONIMCONNECTORDIALOGSTART&data[CONNECTOR]=myconnector&data[LINE]=107"
        "&data[DATA][0][chat][id]=channel-123&data[DATA][0][session][id]=3282&ts=1773759100" +
            auth};
    for (const std::string& body : bodies) {
      const Result<Committed> received = Receive(ingest, BodyFormat::kForm, body);
      Check(received && received->answer == Committed::Answer::kAccepted, "the portals are made");
      ProveAll(*store, ingest, clock.Now());
    }
  }
  return path;
}

std::string CopyOfTemplate(const TemporaryDirectory& directory) {
  const std::string path = directory.File("imrelay.db");
  std::filesystem::copy_file(Template(), path);
  return path;
}

// Everything that is the bystander's. Anyone may post an installation in its name and, with the
// token of that, events that wait for its proof: they are journalled and change nothing else.
std::string RowsOfBystander(RawDatabase& raw) {
  const std::string mine = std::string(" WHERE member_id = '") + kBystander + "'";
  std::string rows;
  for (const char* table : {"portals", "lines", "messages", "deliveries"}) {
    rows += raw.Show(std::string("SELECT * FROM ") + table + mine) + "\n\n";
  }
  rows += raw.Show("SELECT * FROM events" + mine + " AND status NOT IN ('waiting', 'rejected')");
  rows += raw.Show(
      "SELECT hex(token_hash), hex(previous_token_hash), hex(access_token), hex(refresh_token),"
      " installed_event_id, installed_ts FROM portal" +
      mine);
  return rows;
}

// The statements that put the rows of the attached database in the place of all that is there.
std::string StatementsOfReset(RawDatabase& raw) {
  std::string tables = raw.Show(
      "SELECT group_concat('DELETE FROM main.' || name || '; INSERT INTO main.' || name ||"
      " ' SELECT * FROM template.' || name, '; ') FROM template.sqlite_schema"
      " WHERE type = 'table'");
  return "BEGIN IMMEDIATE; " + std::move(tables) + "; COMMIT";
}

std::string BytesOfHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

bool IsKnownRefusal(const Error& error) {
  static constexpr std::array<std::string_view, 8> kReasons = {
      "bad_json", "too_deep",       "too_many_keys", "body_too_large",
      "no_event", "unknown_portal", "wrong_token",   "uninstalled"};
  const bool refused =
      error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kUnauthenticated;
  return error.code == ErrorCode::kRateLimited ||
         (refused && std::find(kReasons.begin(), kReasons.end(), error.reason) != kReasons.end());
}

}  // namespace

AttackedRelay::AttackedRelay()
    : store_(Open(CopyOfTemplate(directory_))), raw_(directory_.File("imrelay.db")) {
  Check(raw_.Execute("ATTACH '" + Template() + "' AS template"), "the template can be read");
  reset_ = StatementsOfReset(raw_);
  untouched_ = RowsOfBystander(raw_);
}

void AttackedRelay::Reset() {
  Check(raw_.Execute(reset_), "the rows of before can be put back");
  // What it remembers of the portals is of no use any more.
  ingest_.emplace(*store_, TheKeyring(), clock_);
  first_ = true;
}

void AttackedRelay::Post(std::string_view body) {
  const BodyFormat format = FormatOfJournalled(body);
  const Result<Committed> received = Receive(*ingest_, format, body);
  if (std::exchange(first_, false)) CheckFirst(format, body, received);
  if (!received) {
    Check(IsKnownRefusal(received.error()), "a refusal has one of the known reasons");
    return;
  }
  const Result<Committed> again = Receive(*ingest_, format, body);
  Check(again && again->answer == Committed::Answer::kDuplicate, "the same post is a duplicate");
}

// Nothing but a proof or an uninstallation can make the known portal's token count no more, so the
// first event with it must be taken in.
void AttackedRelay::CheckFirst(BodyFormat format, std::string_view body,
                               const Result<Committed>& received) {
  const Result<Tree> tree = ParseBody(format, body);
  if (!tree) return;
  const Result<Event> event = DecodeEvent(*tree);
  if (!event || event->auth.member_id.value() != kKnown) return;
  if (event->auth.application_token.Reveal() != kKnownToken) return;
  if (event->kind == EventKind::kAppInstall || event->kind == EventKind::kAppUpdate) return;
  Check(received.has_value(), "an authentic event is never refused");
}

void AttackedRelay::Prove() { ProveAll(*store_, *ingest_, clock_.Now()); }

void AttackedRelay::CheckRows() {
  Check(RowsOfBystander(raw_) == untouched_, "no row of another portal changes");
  Check(raw_.Show("PRAGMA main.integrity_check") == "ok", "the database is sound");
  Check(raw_.Show("PRAGMA main.foreign_key_check").empty(), "every row has what it points to");

  std::string texts;
  for (const char* table : {"portals", "lines", "messages", "deliveries", "events", "delivery"}) {
    texts += raw_.Show(std::string("SELECT * FROM ") + table);
  }
  texts += raw_.Show("SELECT reason FROM event") +
           raw_.Show("SELECT server_endpoint, last_error FROM installation");
  Check(IsValidUtf8(texts), "texts in the database are valid UTF-8");

  const std::string bodies = raw_.Show(
      "SELECT hex(body) FROM event WHERE body IS NOT NULL AND event_id NOT IN"
      " (SELECT event_id FROM template.event)");
  for (std::size_t begin = 0; begin < bodies.size();) {
    const std::size_t end = std::min(bodies.find('\n', begin), bodies.size());
    CheckJournalled(BytesOfHex(std::string_view(bodies).substr(begin, end - begin)));
    begin = end + 1;
  }
}

}  // namespace imrelay
