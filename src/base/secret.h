#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace imrelay {

// A string that must not be seen: a token, a key, a client secret. It cannot be printed or
// compared by accident, and its memory is wiped when it goes. Not thread-safe, like std::string.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept { value_.swap(other.value_); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Wipe(); }

  bool empty() const { return value_.empty(); }

  // The value itself. Hand it to crypto or to the authorization server, to nobody else.
  std::string_view Reveal() const { return value_; }

 private:
  void Wipe() noexcept;

  std::string value_;
};

}  // namespace imrelay
