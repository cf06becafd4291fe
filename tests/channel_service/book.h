#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codec/tree.h"
#include "tests/channel_service/faults.h"
#include "tests/portal/php_value.h"

namespace imrelay::channel_service {

// A call, as it was read.
struct Call {
  std::string webhook_id;
  std::string type;
  std::string portal;
  std::string connector;
  std::string line;
  std::string chat;                // the channel's; empty: none
  std::string message_id;          // ours; empty: none
  std::int64_t im_message_id = 0;  // Bitrix24's; 0: none
  std::string text;
  int files = 0;
  bool removed = false;  // an edit in the place of a deletion

  // Of a call's body; none when a part of it is missing.
  static std::optional<Call> Of(const Tree& body, std::string webhook_id);
};

// What a call is answered.
struct Outcome {
  int status = 200;
  std::string body = "{}";
};

// What the service keeps: chats with their messages, what each call came to, and everything that
// was wrong with the calls. Not thread-safe.
class Book {
 public:
  struct Settings {
    int ids = 1;            // how many external messages one is sent as
    bool late_ids = false;  // answered 202, the ids are only shown
  };

  Settings settings;

  // Every call that comes, before it is carried out or spoilt: checks what order demands.
  void Arrive(const Call& call);
  // Carries a call out, or refuses it. A repeat of what was carried out gets the same answer.
  Outcome Carry(const Call& call, const std::optional<Fault>& refusal);
  // A message that the client wrote.
  void Receive(const Call& place, const std::string& id);
  void Complain(std::string violation);

  // Whether a call was carried out before.
  bool Knows(const std::string& webhook_id) const { return decided_.contains(webhook_id); }
  stand_in::PhpValue DescribeChats() const;
  stand_in::PhpValue DescribeSummary() const;

 private:
  struct Part {
    std::string id;
    std::string state = "there";  // there, deleted, removed (by an edit), gone
  };
  struct Message {
    std::string text;
    int files = 0;
    int edits = 0;
    bool deleted = false;  // a deletion of it came
    bool sent = false;     // it was created here
    std::vector<Part> parts;
    // Of its deletions, by webhook-id: done, gone, too_old, unsupported, failed.
    std::map<std::string, std::string> outcomes;
  };
  struct Chat {
    Call place;
    std::int64_t newest = 0;       // highest number of a message.created so far
    std::string last;              // webhook-id
    std::set<std::string> passed;  // webhook-ids before the last one
    std::map<std::int64_t, Message> messages;
    std::vector<Part> incoming;
    std::vector<std::string> done;  // what was carried out, in order
  };

  Chat& ChatOf(const Call& call);
  void CheckMessage(const Call& call, Chat& chat, bool first);
  Outcome Work(const Call& call, const std::optional<Fault>& refusal);
  Outcome Create(const Call& call, Chat& chat);
  Outcome Delete(const Call& call, Chat& chat, const std::optional<Fault>& refusal);
  Outcome Edit(const Call& call, Chat& chat);
  Part* FindPart(const Call& call, Chat& chat);

  std::map<std::string, Chat> chats_;
  std::map<std::string, Outcome> decided_;      // by webhook-id
  std::map<std::string, std::string> meaning_;  // what a webhook-id was first used for
  std::map<std::string, int> types_;
  std::int64_t next_id_ = 5;
  std::int64_t repeats_ = 0;
  std::int64_t violation_count_ = 0;
  std::vector<std::string> violations_;  // the first ones
};

}  // namespace imrelay::channel_service
