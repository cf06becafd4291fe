#include "admin/failed_calls.h"

namespace imrelay {
namespace {

// Nothing was sent: the tokens do not open with our key file.
bool IsOurs(const CallError& error) {
  return error.word == "unknown_key" || error.word == "not_sealed";
}

// Nothing was asked: where the portal should send events to is not configured.
bool HasNoUrl(const CallError& error) { return error.word == "no_public_url"; }

// What a call that failed asks of a person.
std::string MendOf(const CallError& error) {
  if (IsOurs(error)) {
    return "put back the key file that was made with this database; see the check of the key";
  }
  if (HasNoUrl(error)) {
    return "set bitrix24.public_url = \"https://YOUR.NAME\", the name in nginx's server block";
  }
  if (error.word == "portal_deleted") {
    return "the portal's site is closed: open it again in Bitrix24, or give it up: imrelay portal "
           "remove MEMBER_ID";
  }
  if (error.word == "insufficient_scope") {
    return "give the application the scopes imconnector and imopenlines on its card in Bitrix24, "
           "then open it once";
  }
  if (error.word == "not_configured" || error.word == "invalid_client") {
    return "compare client_id and client_secret of the configuration with the application's card";
  }
  if (error.word.find("payment") != std::string::npos) {
    return "renew the application's subscription, or the portal's plan; until then Bitrix24 sends "
           "no events either";
  }
  if (error.word == "access_denied" || error.word == "wrong_license" ||
      error.word == "authorization_error") {
    return "look at the portal's plan: REST needs a commercial one that is paid";
  }
  switch (error.fault) {
    case Fault::kRemoved:
      return "install the application there again, or: imrelay portal remove MEMBER_ID";
    case Fault::kToken:
    case Fault::kForbidden:
      return kOpenOnce;
    case Fault::kLater:
    case Fault::kMoved:
      return "try again later; is the portal's address reachable from this server?";
    case Fault::kPermanent:
      break;
  }
  return "look the word up in the documentation of Bitrix24's REST errors";
}

bool IsLimit(const CallError& error) {
  return error.fault == Fault::kLater && error.word.find("limit") != std::string::npos;
}

std::string WhatFailed(const CallError& error) {
  const std::string why = error.message.empty() ? "" : " (" + error.message + ')';
  if (IsOurs(error)) return "its tokens cannot be opened: " + error.word + why;
  if (HasNoUrl(error)) return "not asked: bitrix24.public_url is missing";
  if (error.word == "no_answer") return "no answer that can be read" + why;
  if (error.word == "unavailable") return "could not be asked" + why;
  // The portal's or the authorization server's; the sentence has the word.
  if (error.message.starts_with("refused with ")) return "calls are " + error.message;
  return "the portal refused: " + error.word + why;
}

}  // namespace

Finding OfFailure(const std::string& check, const std::string& subject, const CallError& error) {
  const std::string found = WhatFailed(error);
  if (IsLimit(error)) return Warn(check, subject, found, "try again in a few minutes");
  return Broken(check, subject, found, MendOf(error));
}

}  // namespace imrelay
