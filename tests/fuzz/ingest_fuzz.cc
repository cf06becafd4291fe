#include <algorithm>
#include <string_view>

#include "tests/fuzz/attacked_relay.h"
#include "tests/fuzz/check.h"

// The input is a few posts, an empty line between two of them. No post between two empty lines:
// what waits for its proof is proven there, as it is at the end. Every input meets the same rows,
// so that it fails alone or not at all.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMaxPosts = 8;
  constexpr std::string_view kBetween = "\n\n";
  std::string_view rest = imrelay::InputOf(data, size);
  static imrelay::AttackedRelay relay;
  relay.Reset();
  for (int posts = 0; posts < kMaxPosts && !rest.empty(); ++posts) {
    const std::size_t end = std::min(rest.find(kBetween), rest.size());
    if (end == 0) {
      relay.Prove();
    } else {
      relay.Post(rest.substr(0, end));
    }
    rest.remove_prefix(std::min(end + kBetween.size(), rest.size()));
  }
  relay.Prove();
  relay.CheckRows();
  return 0;
}
