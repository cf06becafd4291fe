#include "tests/portal/token_ledger.h"

#include <chrono>
#include <random>
#include <utility>

namespace imrelay {
namespace {

constexpr std::int64_t kAccessSeconds = 3600;

std::int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string RandomHex() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device random;
  std::string text;
  for (int i = 0; i < 32; ++i) text.push_back(kDigits[random() % 16]);
  return text;
}

}  // namespace

TokenPair TokenLedger::Issue(TokenHolder holder) {
  std::string& kept = application_tokens_[holder.member_id];
  if (!holder.application_token.empty()) {
    kept = holder.application_token;
  } else if (kept.empty()) {
    kept = RandomHex();
  }
  holder.application_token = kept;

  TokenPair pair{std::move(holder), RandomHex(), RandomHex(), Now() + kAccessSeconds};
  access_[pair.access_token] = {pair.holder, pair.expires};
  refresh_[pair.refresh_token] = pair.holder;
  return pair;
}

std::optional<TokenPair> TokenLedger::Refresh(const std::string& refresh_token) {
  const auto found = refresh_.find(refresh_token);
  if (found == refresh_.end()) return std::nullopt;
  TokenHolder holder = std::move(found->second);
  refresh_.erase(found);
  return Issue(std::move(holder));
}

TokenLedger::Access TokenLedger::Check(const std::string& access_token) const {
  const auto found = access_.find(access_token);
  if (found == access_.end()) return Access::kUnknown;
  return found->second.expires > Now() ? Access::kValid : Access::kExpired;
}

const TokenHolder& TokenLedger::HolderOf(const std::string& access_token) const {
  return access_.at(access_token).holder;
}

void TokenLedger::ExpireAccess(const std::string& member_id) {
  for (auto& [token, access] : access_) {
    if (access.holder.member_id == member_id) access.expires = 0;
  }
}

}  // namespace imrelay
