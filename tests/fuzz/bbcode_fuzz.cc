#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "channel/telegram_parts.h"
#include "codec/bbcode.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

bool Inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void CheckPlain(std::string_view bbcode) {
  const std::string plain = PlainText(bbcode);
  Check(plain.size() <= bbcode.size(), "plain text is never longer than its BBCode");
  Check(!IsValidUtf8(bbcode) || IsValidUtf8(plain), "plain text of UTF-8 is UTF-8");
  Check(bbcode.find('[') != bbcode.npos || plain == bbcode, "a text without tags stays as it is");
}

void CheckSignature(std::string_view bbcode) {
  constexpr std::size_t kLongest = 300;
  const SignedText split = SplitSignature(bbcode);
  Check(Inside(split.signature, bbcode) && Inside(split.text, bbcode), "the parts are of the text");
  Check(bbcode.ends_with(split.text), "the text is the end of it");
  Check(split.signature.size() <= kLongest && split.signature.find('[') == bbcode.npos,
        "a signature is short and plain");
  Check(!split.signature.empty() || split.text.size() == bbcode.size(),
        "without a signature nothing is left out");
}

std::string WithoutBlanks(std::string_view text) {
  std::string left;
  std::copy_if(text.begin(), text.end(), std::back_inserter(left), [](char c) {
    return std::string_view(" \t\r\n").find(c) == std::string_view::npos;
  });
  return left;
}

// `most` as Telegram's limits are: far above a character's two units.
void CheckPieces(std::string_view text, std::size_t most) {
  const bool valid = IsValidUtf8(text);
  std::string together;
  for (const std::string& piece : SplitTelegramText(text, most)) {
    Check(!piece.empty(), "no piece is empty");
    Check(TelegramLength(piece) <= most, "no piece is longer than Telegram takes");
    Check(!valid || IsValidUtf8(piece), "no piece ends within a character");
    together += piece;
  }
  Check(WithoutBlanks(together) == WithoutBlanks(text), "the pieces are the text but for blanks");
}

}  // namespace
}  // namespace imrelay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kShort = 20;
  const std::string_view text = imrelay::InputOf(data, size);
  imrelay::CheckPlain(text);
  imrelay::CheckSignature(text);
  imrelay::CheckPieces(text, kShort);
  imrelay::CheckPieces(text, imrelay::kMaxTelegramCaption);
  return 0;
}
