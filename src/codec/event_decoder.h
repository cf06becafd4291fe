#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/tree.h"
#include "domain/event.h"

namespace imrelay {

// Turns a body's tree into the typed event, accepting every variant Bitrix24 was seen to send:
// scalar or list ids, MESSAGES or DATA, keys in either case, scalar `data`, missing tokens,
// several elements, unknown keys. Texts come out as valid UTF-8; an id that is not valid UTF-8, is
// longer than 255 bytes or is no number where one is due makes the event unusable (see
// Event::unusable), because storing something else would delete the wrong message.
// Errors: kInvalidArgument with reason no_event when the tree has no event name.
Result<Event> DecodeEvent(const Tree& tree);

// `data` in one form for all its spellings (form or JSON, any order of keys), for the event's key.
std::string CanonicalData(const Tree& tree);

// The typed event as JSON for `imrelay decode --event`, its tokens shown as "present" only.
std::string EventToJson(const Event& event);

}  // namespace imrelay
