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

}  // namespace

std::string RandomHex() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device random;
  std::string text;
  for (int i = 0; i < 32; ++i) text.push_back(kDigits[random() % 16]);
  return text;
}

TokenPair TokenLedger::Issue(TokenHolder holder) {
  TokenPair pair{std::move(holder), RandomHex(), RandomHex(), Now() + kAccessSeconds};
  access_[pair.access_token] = {pair.holder, pair.expires};
  refresh_[pair.refresh_token] = {pair.holder, pair.access_token};
  return pair;
}

const TokenHolder* TokenLedger::FindRefresh(const std::string& refresh_token) const {
  const auto found = refresh_.find(refresh_token);
  return found == refresh_.end() ? nullptr : &found->second.holder;
}

std::optional<TokenPair> TokenLedger::Refresh(const std::string& refresh_token) {
  const auto found = refresh_.find(refresh_token);
  if (found == refresh_.end()) return std::nullopt;
  RefreshToken used = std::move(found->second);
  refresh_.erase(found);
  if (!former_access_lives) access_.erase(used.access_token);
  ++refreshes_[used.holder.member_id];
  return Issue(std::move(used.holder));
}

int TokenLedger::RefreshCount(const std::string& member_id) const {
  const auto found = refreshes_.find(member_id);
  return found == refreshes_.end() ? 0 : found->second;
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

void TokenLedger::Revoke(const std::string& member_id, const std::string& client_id) {
  const auto is_theirs = [&](const auto& item) {
    const TokenHolder& holder = item.second.holder;
    return holder.member_id == member_id && (client_id.empty() || holder.client_id == client_id);
  };
  std::erase_if(access_, is_theirs);
  std::erase_if(refresh_, is_theirs);
}

}  // namespace imrelay
