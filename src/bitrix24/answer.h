#pragma once

#include <string>

#include "base/result.h"
#include "codec/tree.h"
#include "http/client.h"

namespace imrelay {

// The JSON object of a Bitrix24 server's answer. Classified by the word in `error`, whatever the
// status: documentation and source disagree about statuses, and errors come with 200 too.
// Sources: b24restdocs, settings/oauth/error-codes.md; rest/lib/oauthexception.php.
// Errors, with the word in lower case as the reason:
// kUnavailable: no answer of Bitrix24 (HTML, cut, redirect), 5xx, or it asks to come back later;
// kUnauthenticated: any other refusal.
Result<Tree> ReadAnswer(const HttpResponse& response);

}  // namespace imrelay
