#pragma once

#include <string>
#include <string_view>

namespace imrelay {

// Bitrix24's BBCode as plain text, for channels that know no markup. [br] becomes a line break; a
// link keeps its address ("text (https://…)"), a picture is its address, a person or a button their
// text, an icon its title; what only changes the look goes. Tags that are not known stay as they
// are, as does everything inside [code]. Linear in time and memory whatever the input, which may
// hold any bytes. Source of the tags: bitrix24/b24restdocs, api-reference/chat-bots/
// chat-bots-v2/imbot.v2/messages/message-formatting.md.
std::string PlainText(std::string_view bbcode);

struct SignedText {
  std::string_view signature;  // the operator's name; empty where there is none
  std::string_view text;       // the rest, BBCode still
};

// Splits off the operator's name, which Bitrix24 puts in front where a connector was registered
// with NEED_SIGNATURE: "[b]Name:[/b] [br]text" in a new message, "[b]Name:[/b][br] text" in an
// edited one. Source: imopenlines/lib/connector.php. The parts refer to `bbcode`.
SignedText SplitSignature(std::string_view bbcode);

}  // namespace imrelay
