#include "web/metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace imrelay {

Response MetricsAnswer(const std::map<std::string, std::int64_t>& portals) {
  prometheus::Registry registry;
  auto& by_status = prometheus::BuildGauge()
                        .Name("imrelay_portals")
                        .Help(
                            "Portals by status. The tokens of a dead one work no more: the "
                            "application must be opened there.")
                        .Register(registry);
  for (const auto& [status, count] : portals) {
    by_status.Add({{"status", status}}).Set(static_cast<double>(count));
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = prometheus::TextSerializer().Serialize(registry.Collect());
  return response;
}

}  // namespace imrelay
