#include "tests/channel_service/faults.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace imrelay::channel_service {
namespace {

using stand_in::PhpValue;

constexpr std::string_view kRefusals[] = {"400", "404", "too_old", "unsupported"};
constexpr std::string_view kSpoilers[] = {"none", "down", "drop_after", "cut", "slow", "http500",
                                          "html", "410",  "429",        "503", "empty"};

template <std::size_t N>
bool Has(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

}  // namespace

bool IsRefusal(const Fault& fault) { return Has(kRefusals, fault.mode); }

bool Faults::Plan(Fault fault) {
  if (!Has(kRefusals, fault.mode) && !Has(kSpoilers, fault.mode)) return false;
  if (fault.share <= 0) {
    std::erase_if(planned_,
                  [&](const Fault& other) { return other.share <= 0 && other.type == fault.type; });
  }
  if (fault.mode != "none" && fault.count > 0) planned_.push_back(std::move(fault));
  return true;
}

std::optional<Fault> Faults::Take(std::string_view type) {
  double drawn = std::uniform_real_distribution<double>(0, 1)(random_);
  for (auto fault = planned_.begin(); fault != planned_.end(); ++fault) {
    if (!fault->type.empty() && fault->type != type) continue;
    if (fault->share > 0) {
      drawn -= fault->share;
      if (drawn >= 0) continue;
      return *fault;
    }
    if (fault->skip > 0) {
      --fault->skip;
      continue;
    }
    const Fault taken = *fault;
    if (--fault->count <= 0) planned_.erase(fault);
    return taken;
  }
  return std::nullopt;
}

PhpValue Faults::Describe() const {
  PhpValue list = PhpValue::Map();
  for (const Fault& fault : planned_) {
    list.Append(PhpValue::Map({{"mode", fault.mode},
                               {"type", fault.type},
                               {"count", fault.count},
                               {"share", fault.share}}));
  }
  return list;
}

}  // namespace imrelay::channel_service
