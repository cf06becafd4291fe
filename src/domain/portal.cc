#include "domain/portal.h"

namespace imrelay {

std::string SealPurpose(std::string_view what, const MemberId& member_id) {
  return std::string(what) + ' ' + member_id.value();
}

}  // namespace imrelay
