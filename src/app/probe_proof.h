#pragma once

#include <string>

#include "crypto/keyring.h"

namespace imrelay {

// How doctor knows our service from a stranger that answers: only who has our key file can tell
// what belongs to a nonce.

// 32 random lower-case hex digits.
std::string NewProbeNonce();
// In 64 hex digits. Given to anyone who asks, so it is hashed for this purpose alone.
std::string ProbeProofOf(const Keyring& keyring, const std::string& nonce);

}  // namespace imrelay
