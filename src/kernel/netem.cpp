#include "kernel/netem.hpp"

#include <algorithm>
#include <thread>
#include <tuple>

#include "base/text.hpp"
#include "kernel/requirements.hpp"

namespace entropy::kernel {
namespace {

// What is held has its time to leave, which nothing can shorten; what would take longer than this is lost.
constexpr Duration longest_drain = std::chrono::seconds(1);
constexpr Duration drain_look = std::chrono::milliseconds(1);

}  // namespace

Result<std::unique_ptr<NetemBackend>> NetemBackend::make(EgressHook hook) {
  auto tables = OwnedTables::open();
  if (!tables) return fail(tables.error());
  if (auto able = check_kernel(tables->socket()); !able) return fail(able.error());
  auto links = LinkWatch::open();
  if (!links) return fail(links.error());
  auto control = tc::TcSocket::open();
  if (!control) return fail(control.error());
  Surroundings surroundings;
  surroundings.ipv6 = ipv6_available();
  surroundings.native_queue = has_native_queue(tables->socket());
  surroundings.holder = Holder::qdiscs;
  surroundings.held_class = first_held_class;
  surroundings.egress_hook = hook == EgressHook::if_there && check_egress_hook(tables->socket()).has_value();
  std::unique_ptr<NetemBackend> backend(
      new NetemBackend(std::move(*tables), std::move(*links), std::move(surroundings), std::move(*control)));
  if (auto found = backend->find_interfaces(); !found) return fail(found.error());
  if (auto able = backend->control_.check_kernel(backend->surroundings_.loopback_index); !able) {
    return fail(able.error());
  }
  std::ignore = backend->clear();  // what can't be removed will be told by `read_back`
  return backend;
}

Result<> NetemBackend::check(const State& wanted) {
  bool slows = false;
  for (const Traffic* traffic : {&wanted.egress, &wanted.ingress}) {
    for (const auto& each : traffic->classes) {
      if (const auto chain = chain_for(each.effect); !chain) return fail(chain.error());
      slows = slows || each.effect.rate;
    }
  }
  if (slows) {
    if (auto able = control_.check_kind("tbf", "sch_tbf", surroundings_.loopback_index); !able) return able;
  }
  if (!sends_to_qdiscs(wanted.egress)) return {};
  if (auto found = find_interfaces(); !found) return found;
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  return check_roots(*kernel);
}

bool NetemBackend::sends_to_qdiscs(const Traffic& egress) const {
  return egress.any([this](const Effect& effect) { return passes_qdiscs(effect, surroundings_); });
}

Result<> NetemBackend::become(const State& wanted) {
  // Before anything of another injector's is touched.
  if (auto free = tables_.check_free(); !free) return free;
  if (state_.empty()) dropped_before_.clear();
  auto qdiscs = qdiscs_for(wanted);
  if (!qdiscs) return fail(qdiscs.error());
  if (auto made = make_qdiscs(wanted, *qdiscs); !made) return made;
  if (auto done = tables_.become(tables_for(wanted, surroundings_)); !done) return done;
  qdiscs_ = std::move(*qdiscs);
  return remove_surplus(qdiscs_);
}

// With the ifb device where arriving packets are to be held.
Result<std::vector<tc::Qdisc>> NetemBackend::qdiscs_for(const State& wanted) {
  std::vector<tc::Qdisc> all;
  for (const auto& link : found_) {
    const auto egress = kernel::qdiscs_for(wanted.egress, surroundings_.egress_slots, link.index, losing_of_egress());
    if (!egress) return fail(egress.error());
    all.insert(all.end(), egress->begin(), egress->end());
  }
  if (!wanted.ingress.holds_packets()) return all;
  // Before a device is made for it.
  const auto possible = kernel::qdiscs_for(wanted.ingress, surroundings_.ingress_slots, 0);
  if (!possible) return fail(possible.error());
  const auto device = control_.make_ifb(ingress_device);
  if (!device) return fail(device.error());
  surroundings_.ingress_device = *device;
  const auto ingress = kernel::qdiscs_for(wanted.ingress, surroundings_.ingress_slots, *device);
  if (!ingress) return fail(ingress.error());
  all.insert(all.end(), ingress->begin(), ingress->end());
  return all;
}

Result<> NetemBackend::make_qdiscs(const State& wanted, const std::vector<tc::Qdisc>& qdiscs) {
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  if (sends_to_qdiscs(wanted.egress)) {
    if (auto free = check_roots(*kernel); !free) return free;
  }
  const auto changes = qdisc_changes(*kernel, qdiscs, wanted != state_);
  for (const auto& qdisc : changes.removed) {
    if (auto removed = control_.remove(qdisc); !removed) return removed;
  }
  for (const auto& qdisc : changes.added) {
    if (auto added = control_.add(qdisc); !added) return added;
  }
  for (const auto& qdisc : changes.changed) {
    if (auto changed = control_.change(qdisc); !changed) return changed;
  }
  if (changes.added.empty() && changes.changed.empty()) return {};
  const auto reached = control_.qdiscs();
  if (!reached) return fail(reached.error());
  for (const auto& qdisc : qdiscs) {
    if (std::ranges::find(*reached, qdisc) != reached->end()) continue;
    return fail(ErrorCode::internal, concat("the kernel took the ", qdisc.kind, " ", tc::handle_text(qdisc.handle),
                                            " on ", name_of(qdisc.device), " but does not hold it as asked"));
  }
  return {};
}

Result<> NetemBackend::check_roots(const std::vector<tc::Qdisc>& kernel) {
  for (const auto& qdisc : kernel) {
    const auto on = std::ranges::find(found_, qdisc.device, &Link::index);
    if (on == found_.end() || !is_foreign_root(qdisc)) continue;
    return fail(ErrorCode::unsupported, concat(on->name, " has a qdisc of its own (", qdisc.kind, " ",
                                               tc::handle_text(qdisc.handle), "), Entropy does not replace it"));
  }
  return {};
}

std::string NetemBackend::name_of(std::uint32_t device) const {
  const auto at = std::ranges::find(found_, device, &Link::index);
  return at == found_.end() ? std::string(ingress_device) : at->name;
}

// New packets go their ordinary way, then the held ones follow, then the qdiscs go.
Result<> NetemBackend::clear() {
  qdiscs_.clear();
  const bool free = tables_.check_free().has_value();
  const auto drained = tables_.drain();
  auto removed = tables_.remove();
  if (!removed || !drained) return removed ? drained : removed;
  if (!free) return {};  // the qdiscs are another injector's
  return remove_surplus({});
}

Result<> NetemBackend::remove_surplus(const std::vector<tc::Qdisc>& wanted) {
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  const auto roots = surplus_roots(*kernel, wanted);
  wait_until_drained(roots);
  const auto ifb = control_.find_ifb(ingress_device);
  const bool no_ifb = !ifb || !*ifb || std::ranges::find(wanted, (*ifb)->index, &tc::Qdisc::device) != wanted.end();
  for (const auto& root : roots) add_losses_of(*kernel, root.device, dropped_before_);
  for (const auto& root : roots) {
    if (!no_ifb && root.device == (*ifb)->index) continue;  // goes with its device
    if (auto removed = control_.remove(root); !removed) return removed;
  }
  if (no_ifb) return {};
  return control_.remove_link((*ifb)->index);
}

void NetemBackend::wait_until_drained(const std::vector<tc::Qdisc>& roots) {
  if (roots.empty()) return;
  const Instant end = monotonic_now() + longest_drain;
  do {
    std::this_thread::sleep_for(drain_look);
    renew_if_due();
    const auto kernel = control_.qdiscs();
    if (!kernel) return;
    if (std::ranges::none_of(roots, [&](const tc::Qdisc& root) { return holds_any(*kernel, root.device); })) return;
  } while (monotonic_now() < end);
}

// With what the qdiscs themselves have lost: by a model, for want of room, or all there is to lose without egress hook.
void NetemBackend::add_other_losses(Tally& chains) {
  add(chains, dropped_before_);
  const auto kernel = control_.qdiscs();
  if (!kernel) return;
  for (const auto& link : found_) add_losses_of(*kernel, link.index, chains);
  if (state_.ingress.holds_packets()) add_losses_of(*kernel, surroundings_.ingress_device, chains);
}

void NetemBackend::add_losses_of(const std::vector<tc::Qdisc>& kernel, std::uint32_t device, Tally& chains) const {
  const bool egress = std::ranges::find(found_, device, &Link::index) != found_.end();
  for (const auto& [slot, dropped] : dropped_on(device, kernel)) chains[chain_of(egress, slot)].dropped += dropped;
}

Result<State> NetemBackend::read_back() {
  auto state = OwningBackend::read_back();
  if (!state || (state->empty() && !tables_.check_free())) return state;  // the qdiscs are another injector's
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  if (const auto other = difference(*kernel, qdiscs_)) {
    return fail(ErrorCode::internal, concat("the kernel's qdiscs make no state of ours: ", *other));
  }
  if (!state->ingress.holds_packets()) {
    const auto ifb = control_.find_ifb(ingress_device);
    if (ifb && *ifb) return fail(ErrorCode::internal, concat("the interface ", ingress_device, " is still there"));
  }
  return state;
}

}  // namespace entropy::kernel
