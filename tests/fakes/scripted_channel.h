#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "channel/channel.h"

namespace imrelay {

// Answers at once with `answer`, or what is scripted for a delivery; or holds everything until it
// is told. Not thread-safe.
class ScriptedChannel final : public Channel {
 public:
  struct Sent {
    Delivery delivery;
    bool as_edit = false;
  };

  void Send(const Delivery& delivery, Answered answered) override {
    Take({delivery, false}, std::move(answered));
  }
  void SendRemovalAsEdit(const Delivery& delivery, Answered answered) override {
    Take({delivery, true}, std::move(answered));
  }
  std::optional<std::chrono::seconds> delete_limit() const override { return limit; }

  // Answers what was held first.
  void AnswerHeld(const ChannelAnswer& said) {
    Answered answered = std::move(held.front());
    held.pop_front();
    answered(said);
  }

  std::vector<Sent> sent;
  std::function<void()> told;  // of each, before it is answered
  std::deque<Answered> held;
  bool holds = false;
  ChannelAnswer answer;
  std::optional<ChannelAnswer> edit_answer;  // of a removal as an edit
  std::optional<std::chrono::seconds> limit;

 private:
  void Take(Sent one, Answered answered) {
    const bool as_edit = one.as_edit;
    sent.push_back(std::move(one));
    if (told) told();
    if (holds) {
      held.push_back(std::move(answered));
    } else {
      answered(as_edit && edit_answer ? *edit_answer : answer);
    }
  }
};

// An answer of a service that was reached.
inline ChannelAnswer AnswerOf(ChannelAnswer::Kind kind, int status) {
  ChannelAnswer answer;
  answer.kind = kind;
  answer.reached = status != 0;
  answer.attempt.http_status = status;
  if (kind != ChannelAnswer::Kind::kDone) answer.reason = "status " + std::to_string(status);
  return answer;
}

}  // namespace imrelay
