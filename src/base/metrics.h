#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace imrelay {

// What this process counts, for Prometheus. Counted once for a thing that happened, where it is
// logged or would be. Names, meanings and units stand in metrics.cc, and one that does not stand
// there is not counted. Labels have few values: never an id, a text or a token, and no member_id
// but in levels. Thread-safe.
using MetricLabels = std::map<std::string, std::string>;

// A counter grows.
void Count(std::string_view name, const MetricLabels& labels = {}, double by = 1);
// One value of a histogram, in seconds or as the name says.
void Observe(std::string_view name, double value, const MetricLabels& labels = {});

// A value as it is now, of this moment's answer only.
struct Level {
  std::string name;
  MetricLabels labels;
  double value = 0;
};

// Everything, in Prometheus's text format 0.0.4, with the levels.
std::string MetricsText(const std::vector<Level>& levels);

}  // namespace imrelay
