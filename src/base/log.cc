#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace imrelay {
namespace {

constexpr std::size_t kLongestValue = 200;

std::shared_ptr<spdlog::logger> StandardError() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("imrelay",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

std::string LogValue(std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string escaped;
  bool quote = value.empty();
  const bool cut = value.size() > kLongestValue;
  for (const char c : value.substr(0, kLongestValue)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F) {
      quote = true;
      escaped.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else if (c == '"' || c == '\\') {
      quote = true;
      escaped.append({'\\', c});
    } else {
      quote = quote || c == ' ' || c == '=';
      escaped.push_back(c);
    }
  }
  if (cut) escaped.append("...");
  return quote ? '"' + escaped + '"' : escaped;
}

void Log(LogLevel level, std::string_view what, std::initializer_list<LogField> fields) {
  std::string line(what);
  for (const auto& [name, value] : fields) {
    line.push_back(' ');
    line.append(name);
    line.push_back('=');
    line.append(LogValue(value));
  }
  StandardError()->log(ToSpdlog(level), "{}", line);
}

}  // namespace imrelay
