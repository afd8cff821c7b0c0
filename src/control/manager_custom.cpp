// What the service does about custom injector images beyond running them.

#include <algorithm>

#include "base/text.hpp"
#include "control/log.hpp"
#include "control/manager.hpp"
#include "control/namespaces.hpp"
#include "program/custom_offer.hpp"

namespace entropy::control {

Task<PolicyView> Manager::settled(std::string name) {
  constexpr Duration longest = std::chrono::seconds(3);
  const auto deadline = timing_.elapsed() + longest;
  while (true) {
    auto view = view_now(name);
    const auto left = deadline - timing_.elapsed();
    if (!view || !view->record.policy.custom || left <= Duration::zero()) co_return view;
    const Observed observed = reconciler_.observe();
    const Plan plan = control::plan(desired_, observed, clock_.now());
    const bool known = view->status.phase == Phase::degraded || !custom_unsettled(observed, plan, name);
    if (known && !reconciler_.customs().on_its_way(name)) co_return view;
    co_await reconciler_.changed().wait_next(std::chrono::duration_cast<Duration>(left));
  }
}

Task<std::vector<OfferedFailure>> Manager::offered_failures() {
  std::vector<OfferedFailure> offered;
  for (const auto& endpoint : reconciler_.endpoints()) {
    if (endpoint->lost()) continue;
    std::vector<std::string> labels = {std::string(program::offer_label)};
    const auto images = co_await endpoint->engine().list_images(std::move(labels));
    if (!images) co_return fail(images.error());
    for (const auto& image : *images) {
      const auto label = image.labels.find(std::string(program::offer_label));
      if (image.tags.empty() || label == image.labels.end()) continue;
      const auto kinds = program::parse_offer(label->second);
      if (!kinds) log::warn("{}: the image {}: {}", endpoint->name(), image.tags.front(), kinds.error().message);
      for (const auto& kind : kinds.value_or(std::vector<failure::Kind>())) {
        const auto same = [&](const OfferedFailure& other) {
          return other.image == image.tags.front() && other.kind.name == kind.name;
        };
        if (std::ranges::none_of(offered, same)) offered.push_back({image.tags.front(), kind});
      }
    }
  }
  co_return offered;
}

Task<TrialView> Manager::try_image(std::string endpoint, policy::CustomFailure custom) {
  for (const auto& each : reconciler_.endpoints()) {
    if (!endpoint.empty() && each->name() != endpoint) continue;
    if (!each->lost()) co_return co_await reconciler_.try_image(*each, std::move(custom));
    if (!endpoint.empty()) co_return fail(ErrorCode::unavailable, *each->lost());
  }
  if (endpoint.empty()) co_return fail(ErrorCode::unavailable, "no engine is up (entropy doctor says why)");
  co_return fail(ErrorCode::not_found,
                 concat("there is no endpoint ", quoted(endpoint), " (entropy doctor lists them)"));
}

}  // namespace entropy::control
