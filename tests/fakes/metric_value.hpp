// Reading one figure out of what was collected.
#pragma once

#include <prometheus/labels.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace entropy::fakes {

// A counter's or gauge's value, a histogram's number of observations; none: there is no such series. Labels that are
// not given may be any; the first series that fits counts.
inline std::optional<double> metric_value(const std::vector<prometheus::MetricFamily>& families, std::string_view name,
                                          const prometheus::Labels& labels = {}) {
  const auto family = std::ranges::find(families, name, &prometheus::MetricFamily::name);
  if (family == families.end()) return std::nullopt;
  for (const auto& metric : family->metric) {
    const bool fits = std::ranges::all_of(labels, [&](const auto& label) {
      return std::ranges::find(metric.label, prometheus::ClientMetric::Label{label.first, label.second}) !=
             metric.label.end();
    });
    if (!fits) continue;
    if (family->type == prometheus::MetricType::Histogram) return static_cast<double>(metric.histogram.sample_count);
    return family->type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  return std::nullopt;
}

// Of a histogram: the sum of what was observed.
inline double metric_sum(const std::vector<prometheus::MetricFamily>& families, std::string_view name) {
  return std::ranges::find(families, name, &prometheus::MetricFamily::name)->metric.front().histogram.sample_sum;
}

}  // namespace entropy::fakes
