#include "codec/bbcode.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "codec/ascii.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestName = 20;        // of a tag
constexpr std::size_t kLongestSignature = 300;  // bytes

// [name], [name=value], [name value] or [/name].
struct Tag {
  std::string name;  // in lower case
  std::string_view value;
  bool closing = false;
};

// Tags that leave nothing but what stands between them.
constexpr std::array<std::string_view, 14> kDropped{"b",   "i",       "u",     "s",    "send",
                                                    "put", "user",    "chat",  "size", "font",
                                                    "img", "context", "color", "quote"};

bool IsNameByte(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The tag in `inner`, what stands between the brackets; an empty name: it is none.
Tag ReadTag(std::string_view inner) {
  Tag tag;
  tag.closing = inner.starts_with('/');
  if (tag.closing) inner.remove_prefix(1);
  const auto end = std::find_if_not(inner.begin(), inner.end(), IsNameByte);
  const auto length = static_cast<std::size_t>(end - inner.begin());
  if (length > kLongestName) return {};
  const std::string_view rest = inner.substr(length);
  const bool whole = rest.empty() || rest.front() == '=' || rest.front() == ' ';
  if (!whole || (tag.closing && !rest.empty())) return {};
  tag.name = LowerAscii(inner.substr(0, length));
  if (rest.starts_with('=')) tag.value = rest.substr(1);
  return tag;
}

class Writer {
 public:
  explicit Writer(std::string_view bbcode) : rest_(bbcode) {}

  std::string Write() {
    while (!rest_.empty()) {
      const std::size_t open = std::min(rest_.find('['), rest_.size());
      Copy(open);
      if (!rest_.empty() && !TakeTag()) Copy(1);
    }
    while (!links_.empty()) EndLink();
    return std::move(plain_);
  }

 private:
  struct Link {
    std::string name;  // of the tag
    std::string_view address;
    std::size_t begin;  // where its text begins in plain_
  };

  void Copy(std::size_t count) {
    plain_.append(rest_.substr(0, count));
    rest_.remove_prefix(count);
  }

  // The tag that rest_ begins with. False: it is none that is known.
  bool TakeTag() {
    // Looking no further than the next bracket keeps all look-ups together linear.
    const std::size_t end = rest_.find_first_of("[]", 1);
    if (end == std::string_view::npos || rest_[end] == '[') return false;
    const Tag tag = ReadTag(rest_.substr(1, end - 1));
    if (tag.name.empty()) return false;
    if (tag.name == "code" && !tag.closing) return TakeCode(end + 1);
    if (!Act(tag)) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool Act(const Tag& tag) {
    if (tag.name == "br" && !tag.closing) {
      plain_ += '\n';
    } else if (tag.name == "icon" && !tag.closing) {
      plain_.append(TitleOf(tag.value));
    } else if (tag.name == "url" || tag.name == "call") {
      if (!tag.closing) {
        links_.push_back({tag.name, tag.value, plain_.size()});
      } else if (!links_.empty() && links_.back().name == tag.name) {
        EndLink();
      } else {
        return false;
      }
    } else {
      return std::find(kDropped.begin(), kDropped.end(), tag.name) != kDropped.end();
    }
    return true;
  }

  // Everything up to [/code], as it is.
  bool TakeCode(std::size_t tag_size) {
    constexpr std::string_view kEnd = "[/code]";
    if (no_more_code_) return false;
    const auto end = std::search(rest_.begin(), rest_.end(), kEnd.begin(), kEnd.end(),
                                 [](char a, char b) { return LowerOf(a) == b; });
    if (end == rest_.end()) {
      no_more_code_ = true;  // or every [code] would look to the end again
      return false;
    }
    rest_.remove_prefix(tag_size);
    Copy(static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(kEnd.size());
    return true;
  }

  static char LowerOf(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

  static std::string_view TitleOf(std::string_view icon) {
    constexpr std::string_view kTitle = " title=";
    const std::size_t begin = icon.find(kTitle);
    return begin == icon.npos ? std::string_view() : icon.substr(begin + kTitle.size());
  }

  void EndLink() {
    const Link link = std::move(links_.back());
    links_.pop_back();
    const std::string_view text = std::string_view(plain_).substr(link.begin);
    if (link.address.empty() || link.address == text) return;
    if (text.empty()) {
      plain_.append(link.address);
    } else {
      plain_.append(" (").append(link.address) += ')';
    }
  }

  std::string_view rest_;
  std::string plain_;
  std::vector<Link> links_;  // that are open
  bool no_more_code_ = false;
};

std::string_view WithoutBlanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

// Takes `tag`, in any letter case, off the front of `text`.
bool Take(std::string_view& text, std::string_view tag) {
  if (!EqualsAnyCase(text.substr(0, tag.size()), tag)) return false;
  text.remove_prefix(tag.size());
  return true;
}

}  // namespace

std::string PlainText(std::string_view bbcode) { return Writer(bbcode).Write(); }

SignedText SplitSignature(std::string_view bbcode) {
  const SignedText none{{}, bbcode};
  std::string_view rest = bbcode;
  if (!Take(rest, "[b]")) return none;
  const std::size_t end = rest.substr(0, kLongestSignature).find('[');
  if (end == std::string_view::npos || end < 2 || rest[end - 1] != ':') return none;
  const std::string_view name = rest.substr(0, end - 1);
  rest.remove_prefix(end);
  if (!Take(rest, "[/b]")) return none;
  const bool blank_before = rest.starts_with(' ');
  rest = WithoutBlanks(rest);
  if (!Take(rest, "[br]")) return none;
  if (!blank_before && rest.starts_with(' ')) rest.remove_prefix(1);
  return {name, rest};
}

}  // namespace imrelay
