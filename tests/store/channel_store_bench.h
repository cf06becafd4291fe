#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/store/store_bench.h"

namespace imrelay {

// A store with the portal m1, and short ways to say what a channel asks of it.
class ChannelStoreBench : public StoreBench {
 public:
  // Without what its installation queues, so that the first delivery is number 1.
  ChannelStoreBench() {
    Install("m1");
    REQUIRE(raw_.Execute("DELETE FROM delivery; DELETE FROM setting WHERE name = 'delivery_used'"));
  }

  ChannelStore& channels() { return static_cast<SqliteStore&>(store()); }

  // A request with a key of that letter; none without one.
  ChannelRequest RequestOf(char key = 0, char content = 'c') {
    ChannelRequest request;
    if (key != 0) {
      request.key.emplace();
      request.key->fill(static_cast<std::uint8_t>(key));
    }
    request.content.fill(static_cast<std::uint8_t>(content));
    request.now = clock.Now();
    return request;
  }

  static IncomingMessage Told(std::string_view kind, const std::string& id,
                              const std::string& chat = "chat-1") {
    return {kind, MemberId("m1"), PlaceOf("conn", 7, chat), ExternalMessageId(id), R"({"m":1})"};
  }

  // "3", "3 again", or the error with its reason.
  std::string Queue(const IncomingMessage& message) { return Queue(RequestOf(), message); }
  std::string Queue(const ChannelRequest& request, const IncomingMessage& message) {
    return Word(channels().QueueIncoming(request, message));
  }
  std::string Create(const std::string& id) { return Queue(Told(kind::kIncomingCreated, id)); }
  std::string Update(const std::string& id) { return Queue(Told(kind::kIncomingUpdated, id)); }
  std::string Delete(const std::string& id) { return Queue(Told(kind::kIncomingDeleted, id)); }

  static std::string Word(const Result<Queued>& queued) {
    if (!queued) return Word(Status(tl::unexpected(queued.error())));
    return std::to_string(queued->delivery.value()) + (queued->repeated ? " again" : "");
  }
  static std::string Word(const Status& status) {
    return status || status.error().reason.empty() ? WordOf(status)
                                                   : WordOf(status) + ' ' + status.error().reason;
  }

  // As a sender leaves a delivery.
  void End(std::int64_t delivery, const std::string& state) {
    REQUIRE(raw().Execute("UPDATE delivery SET state = '" + state +
                          "', finished_at = 1 "
                          "WHERE delivery_id = " +
                          std::to_string(delivery)));
  }
  RawDatabase& raw() { return raw_; }

 private:
  RawDatabase raw_{path()};
};

}  // namespace imrelay
