#include "base/secret.h"

#include <string.h>

namespace imrelay {

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    Wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    value_.swap(other.value_);
  }
  return *this;
}

void Secret::Wipe() noexcept {
  // The whole capacity: a shorter value may have left a longer one's tail behind.
  if (!value_.empty()) explicit_bzero(value_.data(), value_.capacity());
  value_.clear();
}

}  // namespace imrelay
