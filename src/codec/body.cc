#include "codec/body.h"

#include "codec/ascii.h"
#include "codec/form.h"
#include "codec/json.h"

namespace imrelay {

std::optional<BodyFormat> FormatOf(std::string_view content_type) {
  constexpr std::string_view kBlanks = " \t";
  std::string_view type = content_type.substr(0, content_type.find(';'));
  const std::size_t begin = type.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return std::nullopt;
  type = type.substr(begin, type.find_last_not_of(kBlanks) - begin + 1);
  if (EqualsAnyCase(type, "application/x-www-form-urlencoded")) return BodyFormat::kForm;
  if (EqualsAnyCase(type, "application/json")) return BodyFormat::kJson;
  return std::nullopt;
}

Result<Tree> ParseBody(BodyFormat format, std::string_view body) {
  return format == BodyFormat::kJson ? ParseJson(body) : ParseForm(body);
}

}  // namespace imrelay
