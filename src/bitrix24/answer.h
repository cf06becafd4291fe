#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "bitrix24/call.h"
#include "codec/tree.h"
#include "http/client.h"

namespace imrelay {

// Both kinds of servers are understood by the word in `error`, whatever the status: documentation
// and source disagree about statuses, and errors come with 200 too.
// Sources: b24restdocs, settings/oauth/error-codes.md, _includes/system-errors.md, limits.md;
// rest/lib/oauthexception.php.

// The JSON object of an authorization server's answer.
// Errors, with the word in lower case as the reason:
// kUnavailable: no answer of Bitrix24 (HTML, cut, redirect), 5xx, or it asks to come back later;
// kUnauthenticated: any other refusal.
Result<Tree> ReadAnswer(const HttpResponse& response);

// The JSON object of a portal's answer. `result` is not in it when it was [], {} or null.
CallResult ReadPortalAnswer(const HttpResponse& response, TimePoint now);

// A server's word in lower case, fit for logs and the database; "refused" for what is no word, or
// has a run of 20 letters and digits, which may be a token.
std::string ErrorWord(std::string_view text);

// A server's sentence, fit for logs and the database: at most 120 bytes of UTF-8 on one line,
// without what stands in quotes, which may be a message's text, and without runs of 20 letters and
// digits, which may be a secret.
std::string RedactedSentence(std::string_view sentence);

// The word of a handler that event.bind finds bound already: its own is error_core, which only a
// description tells from others.
inline constexpr std::string_view kAlreadyBound = "already_bound";

// Whether a value is a yes of Bitrix24's: true, 1 or Y, as texts.
bool IsYes(std::string_view text);

// No server's pause is believed to be longer. It is also how long a portal is left alone that says
// OVERLOAD_LIMIT: that block is put up and taken down by hand ("contact technical support"), so
// calls in a shorter rhythm help nobody and are what it is for.
inline constexpr std::chrono::minutes kLongestPause{60};

}  // namespace imrelay
