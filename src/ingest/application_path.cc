#include "ingest/application_path.h"

namespace imrelay {

std::optional<ApplicationPath> ParseApplicationPath(std::string_view path) {
  constexpr std::string_view kBitrix24 = "/bitrix24/";
  if (!path.starts_with(kBitrix24)) return std::nullopt;
  path.remove_prefix(kBitrix24.size());
  const std::size_t slash = path.find('/');
  if (slash == path.npos) return ApplicationPath{"", path};
  if (slash == 0) return std::nullopt;
  return ApplicationPath{std::string(path.substr(0, slash)), path.substr(slash + 1)};
}

}  // namespace imrelay
