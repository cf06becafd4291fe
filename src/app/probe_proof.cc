#include "app/probe_proof.h"

#include <cstdint>

#include "crypto/digest.h"

namespace imrelay {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr int kNonceDigits = 32;

}  // namespace

std::string NewProbeNonce() {
  std::string nonce;
  for (int i = 0; i < kNonceDigits; ++i) nonce += kDigits[RandomBelow(16)];
  return nonce;
}

std::string ProbeProofOf(const Keyring& keyring, const std::string& nonce) {
  std::string proof;
  for (const std::uint8_t byte : keyring.Hash(Secret(nonce), "probe")) {
    proof += kDigits[byte >> 4];
    proof += kDigits[byte & 15];
  }
  return proof;
}

}  // namespace imrelay
