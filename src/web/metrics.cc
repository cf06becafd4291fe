#include "web/metrics.h"

#include <vector>

#include "base/metrics.h"

namespace imrelay {

Response MetricsAnswer(const std::map<std::string, std::int64_t>& portals) {
  std::vector<Level> levels;
  for (const auto& [status, count] : portals) {
    levels.push_back({"imrelay_portals", {{"status", status}}, static_cast<double>(count)});
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = MetricsText(levels);
  return response;
}

}  // namespace imrelay
