#include "channel/telegram_parts.h"

#include <charconv>
#include <utility>

#include "codec/bbcode.h"

namespace imrelay {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

constexpr std::pair<std::string_view, TelegramId::Place> kPlaces[] = {
    {"t", TelegramId::Place::kLeading},
    {"f", TelegramId::Place::kBeside},
    {"l", TelegramId::Place::kLink},
};

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Of a character that begins with this byte.
std::size_t BytesOf(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xC0) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}
std::size_t UnitsOf(char lead) { return BytesOf(lead) == 4 ? 2 : 1; }

// The bytes of the longest beginning of at most `most` units.
std::size_t LongestBeginning(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  for (std::size_t units = 0; end < text.size(); end += BytesOf(text[end])) {
    units += UnitsOf(text[end]);
    if (units > most) return end;
  }
  return text.size();
}

// Where to cut `text` so that the beginning has at most `most` units.
std::size_t CutOf(std::string_view text, std::size_t most) {
  const std::size_t end = LongestBeginning(text, most);
  if (end == text.size()) return end;
  for (const char blank : {'\n', ' '}) {
    const std::size_t at = text.rfind(blank, end);
    // A piece that is less than half full is not worth a tidy end.
    if (at != text.npos && at >= end / 2) return at;
  }
  return end;
}

std::optional<std::int64_t> NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

std::string TextOf(const Tree& tree, std::string_view key) {
  const std::string* const text = tree.FindText(key);
  return text == nullptr ? std::string() : *text;
}

std::vector<TelegramPart> FilesOf(const Tree& payload) {
  std::vector<TelegramPart> parts;
  const Tree* const files = payload.Find("files");
  if (files == nullptr) return parts;
  for (const auto& [index, file] : files->items()) {
    TelegramPart part;
    const bool image = TextOf(file, "type") == "image";
    part.kind = image ? TelegramPart::Kind::kPhoto : TelegramPart::Kind::kDocument;
    part.link = TextOf(file, "download_link");
    if (part.link.empty()) part.link = TextOf(file, "link");
    part.name = TextOf(file, "name");
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

std::optional<TelegramId> ReadTelegramId(const ExternalMessageId& id) {
  const std::string_view text = id.value();
  const std::size_t dot = text.find('.');
  const std::optional<std::int64_t> message_id = NumberOf(text.substr(0, dot));
  if (!message_id) return std::nullopt;
  TelegramId read;
  read.message_id = *message_id;
  if (dot == text.npos) return read;
  const std::string_view role = text.substr(dot + 1);
  for (const auto& [letter, place] : kPlaces) {
    if (role != letter) continue;
    read.place = place;
    return read;
  }
  const std::size_t slash = role.find('/');
  if (slash == role.npos) return std::nullopt;
  const std::optional<std::int64_t> piece = NumberOf(role.substr(0, slash));
  const std::optional<std::int64_t> pieces = NumberOf(role.substr(slash + 1));
  if (!piece || !pieces || *piece > *pieces || *pieces > 1'000'000) return std::nullopt;
  read.piece = static_cast<int>(*piece);
  read.pieces = static_cast<int>(*pieces);
  return read;
}

ExternalMessageId WriteTelegramId(const TelegramId& id) {
  std::string text = std::to_string(id.message_id);
  for (const auto& [letter, place] : kPlaces) {
    if (id.place == place) return ExternalMessageId(text + '.' + std::string(letter));
  }
  if (id.pieces > 1) text += '.' + std::to_string(id.piece) + '/' + std::to_string(id.pieces);
  return ExternalMessageId(std::move(text));
}

std::string TelegramText(const Tree& payload) {
  const std::string bbcode = TextOf(payload, "text");
  const SignedText split = SplitSignature(bbcode);
  std::string plain(Trim(PlainText(split.text)));
  if (split.signature.empty()) return plain;
  const std::string name = std::string(split.signature) + ":";
  return plain.empty() ? name : name + "\n" + plain;
}

std::vector<TelegramPart> TelegramParts(const Tree& payload) {
  const std::string text = TelegramText(payload);
  std::vector<TelegramPart> files = FilesOf(payload);
  std::vector<TelegramPart> parts;
  if (!files.empty() && TelegramLength(text) <= kMaxTelegramCaption) {
    files.front().text = text;
  } else {
    std::vector<std::string> pieces = SplitTelegramText(text, kMaxTelegramText);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      TelegramPart part;
      part.text = std::move(pieces[i]);
      part.id.piece = static_cast<int>(i + 1);
      part.id.pieces = static_cast<int>(pieces.size());
      parts.push_back(std::move(part));
    }
  }
  for (TelegramPart& file : files) {
    if (!parts.empty()) file.id.place = TelegramId::Place::kBeside;
    parts.push_back(std::move(file));
  }
  return parts;
}

std::vector<std::string> SplitTelegramText(std::string_view text, std::size_t most) {
  std::vector<std::string> pieces;
  for (text = Trim(text); !text.empty(); text = Trim(text)) {
    const std::size_t cut = CutOf(text, most);
    pieces.emplace_back(Trim(text.substr(0, cut)));
    text.remove_prefix(cut);
  }
  return pieces;
}

std::size_t TelegramLength(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size(); at += BytesOf(text[at])) units += UnitsOf(text[at]);
  return units;
}

}  // namespace imrelay
