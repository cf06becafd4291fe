#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/tree.h"
#include "domain/ids.h"

namespace imrelay {

// Limits of a text and of a caption, in UTF-16 units; Telegram counts at most as many.
// Source: core.telegram.org/bots/api, sendMessage and sendPhoto.
inline constexpr std::size_t kMaxTelegramText = 4096;
inline constexpr std::size_t kMaxTelegramCaption = 1024;

// An external message id: Telegram's number ("1235") and, where the operator's message became
// several there, what the message is of it. An edit comes for each id with the whole text, and so
// finds its piece.
struct TelegramId {
  enum class Place {
    kText,     // "1235" its text, or a file with its text; "1235.2/3" the second of three pieces
    kLeading,  // "1235.t" its text, before a file that went as a link
    kBeside,   // "1235.f" a file beside the text
    kLink,     // "1235.l" the link of a file, all there is of the message
  };
  std::int64_t message_id = 0;
  Place place = Place::kText;
  int piece = 1;
  int pieces = 1;
};
// None where it is no id of Telegram's.
std::optional<TelegramId> ReadTelegramId(const ExternalMessageId& id);
ExternalMessageId WriteTelegramId(const TelegramId& id);

// One of the Telegram messages that an operator's message becomes.
struct TelegramPart {
  enum class Kind { kText, kPhoto, kDocument };
  Kind kind = Kind::kText;
  std::string text;  // a file's caption; may be empty then
  std::string link;  // of a file
  std::string name;  // of a file
  TelegramId id;     // all but the number
};

// The plain text of a message's payload: the operator's name, where there is one, on a line before
// the rest.
std::string TelegramText(const Tree& payload);

// The parts of a payload, always the same ones: the text, in pieces, then the files. A text that
// fits is the caption of the first file. Empty when there is neither.
std::vector<TelegramPart> TelegramParts(const Tree& payload);

// The text in pieces of at most `most` units, cut at line ends and blanks where there are some;
// Telegram strips blanks around a message's text, so they are left out.
std::vector<std::string> SplitTelegramText(std::string_view text, std::size_t most);

// In UTF-16 units.
std::size_t TelegramLength(std::string_view text);

}  // namespace imrelay
