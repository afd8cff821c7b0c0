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

bool is_on_any(const std::vector<tc::Qdisc>& roots, const tc::Qdisc& qdisc) {
  return std::ranges::find(roots, qdisc.device, &tc::Qdisc::device) != roots.end();
}

// The first of a chain is the one that loses what is to be lost.
std::uint64_t dropped_on(std::uint32_t device, const std::vector<tc::Qdisc>& qdiscs) {
  std::uint64_t sum = 0;
  for (const auto& qdisc : qdiscs) {
    if (qdisc.device == device && qdisc.handle == first_netem) sum += qdisc.dropped;
  }
  return sum;
}

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
  surroundings.holder = Holder::qdiscs;
  surroundings.held_class = held_class;
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
  for (const Effect* effect : {&wanted.egress, &wanted.ingress}) {
    if (const auto netems = netems_for(*effect); !netems) return fail(netems.error());
  }
  if (!passes_qdiscs(wanted.egress, surroundings_)) return {};
  if (auto found = find_interfaces(); !found) return found;
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  return check_roots(*kernel);
}

Result<> NetemBackend::become(const State& wanted) {
  // Before anything of another injector's is touched.
  if (auto free = tables_.check_free(); !free) return free;
  if (state_.empty()) dropped_before_ = 0;
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
    const auto egress = egress_qdiscs(wanted.egress, link.index, losing_of_egress());
    if (!egress) return fail(egress.error());
    all.insert(all.end(), egress->begin(), egress->end());
  }
  if (!wanted.ingress.holds_packets()) return all;
  const auto possible = netems_for(wanted.ingress);  // before a device is made for it
  if (!possible) return fail(possible.error());
  const auto device = control_.make_ifb(ingress_device);
  if (!device) return fail(device.error());
  surroundings_.ingress_device = *device;
  const auto ingress = ingress_qdiscs(wanted.ingress, *device);
  if (!ingress) return fail(ingress.error());
  all.insert(all.end(), ingress->begin(), ingress->end());
  return all;
}

Result<> NetemBackend::make_qdiscs(const State& wanted, const std::vector<tc::Qdisc>& qdiscs) {
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  if (passes_qdiscs(wanted.egress, surroundings_)) {
    if (auto free = check_roots(*kernel); !free) return free;
  }
  const auto changes = qdisc_changes(*kernel, qdiscs, wanted != state_);
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
  for (const auto& root : roots) {
    if (!no_ifb && root.device == (*ifb)->index) continue;  // goes with its device
    if (auto removed = control_.remove(root); !removed) return removed;
    dropped_before_ += dropped_on(root.device, *kernel);
  }
  if (no_ifb) return {};
  return control_.remove_link((*ifb)->index);
}

void NetemBackend::wait_until_drained(const std::vector<tc::Qdisc>& roots) {
  if (roots.empty()) return;
  const Instant end = monotonic_now() + longest_drain;
  const auto holding = [&](const tc::Qdisc& qdisc) {
    return is_on_any(roots, qdisc) && qdisc.handle == first_netem && qdisc.holding > 0;
  };
  do {
    std::this_thread::sleep_for(drain_look);
    renew_if_due();
    const auto kernel = control_.qdiscs();
    if (!kernel || std::ranges::none_of(*kernel, holding)) return;
  } while (monotonic_now() < end);
}

Result<Counters> NetemBackend::counters() {
  auto counters = OwningBackend::counters();
  if (!counters || surroundings_.egress_hook) return counters;
  const auto kernel = control_.qdiscs();
  if (!kernel) return fail(kernel.error());
  counters->dropped += dropped_before_;
  for (const auto& link : found_) counters->dropped += dropped_on(link.index, *kernel);
  return counters;
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
