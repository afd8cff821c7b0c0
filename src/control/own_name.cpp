#include "control/own_name.hpp"

#include "base/text.hpp"
#include "control/labels.hpp"

namespace entropy::control {
namespace {

std::unexpected<Error> is_there_already(const docker::Container& injector) {
  return fail(ErrorCode::conflict,
              concat("another Entropy (manager ", label_of(injector, label::manager),
                     ") has its injector there: remove its policies first, or what it left: entropy doctor --fix"));
}

}  // namespace

Result<> check_nobody_is_beside(const Endpoint& where, const std::string& target_id, const std::string& manager_id) {
  for (const auto& [id, cached] : where.containers()) {
    const docker::Container& each = cached.container();
    if (!is_network_injector(each) || label_of(each, label::target) != target_id) continue;
    if (!cached.up && each.state != "created") continue;  // which may run by now, and nobody has seen it
    if (label_of(each, label::manager) != manager_id) return is_there_already(each);
  }
  return {};
}

docker::Task<std::string> create_under_own_name(Endpoint& where, docker::ContainerSpec spec, std::string manager_id) {
  const std::string name = spec.name;
  auto again = spec;
  auto id = co_await where.create(std::move(spec));
  if (id || id.error().code != ErrorCode::conflict) co_return id;
  auto holder = co_await where.engine().inspect_container(name);
  const bool injector = holder && is_injector(holder->container);
  const bool ours = injector && label_of(holder->container, label::manager) == manager_id;
  if (injector && !ours) {
    co_return is_there_already(holder->container);
  }
  if (holder && !ours) {
    co_return fail(ErrorCode::conflict,
                   concat("the name ", name, " is taken by a container that is not ours: rename or remove it"));
  }
  if (holder) {
    const auto removed = co_await where.engine().remove_container(holder->container.id);
    if (!removed && removed.error().code != ErrorCode::not_found) co_return fail(removed.error());
    where.forget(holder->container.id);
  }
  co_return co_await where.create(std::move(again));
}

}  // namespace entropy::control
