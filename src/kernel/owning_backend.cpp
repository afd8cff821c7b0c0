#include "kernel/owning_backend.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "kernel/class_chains.hpp"
#include "kernel/netem_plan.hpp"

namespace entropy::kernel {
namespace {

// Four or five of these fit into the time in which interfaces fade from the set of the living.
constexpr Duration renewal_interval = std::chrono::milliseconds(300);
constexpr std::uint32_t largest_packet = 65535;  // of IPv4; no interface has to take more

std::uint64_t rise(std::uint64_t from, std::uint64_t to) { return to >= from ? to - from : to; }

Counters rise(const Counters& from, const Counters& to) {
  return {rise(from.matched, to.matched), rise(from.dropped, to.dropped), rise(from.delayed, to.delayed),
          rise(from.duplicated, to.duplicated), rise(from.altered, to.altered)};
}

// Of a netem backend, living or dead, not of the target.
bool is_of_ours(const Link& link) { return link.kind == "ifb" && link.name == ingress_device; }

}  // namespace

Instant monotonic_now() { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

bool ipv6_available() { return static_cast<bool>(Fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0))); }

Result<> OwningBackend::apply(const State& wanted) {
  for (const auto* traffic : {&wanted.egress, &wanted.ingress}) {
    if (traffic->classes.size() <= most_classes) continue;
    return fail(ErrorCode::unsupported, concat(traffic->classes.size(),
                                               " classes of traffic in one direction: "
                                               "there can be ",
                                               most_classes));
  }
  const State state = canonical(wanted);
  auto done = state.empty() ? clear_all() : establish(state);
  if (!done && !state.empty()) std::ignore = clear_all();
  return done;
}

// An interface that goes while we write its rules makes the kernel refuse them; then the next look is right.
Result<> OwningBackend::establish(const State& wanted) {
  constexpr int attempts = 3;
  Result<> done;
  for (int i = 0; i < attempts; ++i) {
    done = attempt(wanted);
    if (done || done.error().code != ErrorCode::not_found) break;
  }
  stale_ = !done.has_value();
  return done;
}

Result<> OwningBackend::attempt(const State& wanted) {
  if (auto found = find_interfaces(); !found) return found;
  if (found_.empty()) {
    return fail(ErrorCode::unavailable, "there is no network interface that is up, but for lo: nothing to disturb");
  }
  surroundings_.egress_slots = assign_slots(state_.egress, egress_slots_, wanted.egress);
  surroundings_.ingress_slots = assign_slots(state_.ingress, ingress_slots_, wanted.ingress);
  const bool first = state_.empty();
  if (first) {
    tables_.forget_counts();
    tally_.clear();
    credited_.clear();
  }
  if (auto done = listen_for_names(wanted); !done) return done;
  std::ignore = credit(state_);
  if (auto done = become(wanted); !done) return done;
  std::ignore = credit(state_);  // what the rules had counted that are gone
  if (names_) names_->configure(wanted.names);
  if (wanted.names.empty()) close_names();
  state_ = wanted;
  egress_slots_ = surroundings_.egress_slots;
  ingress_slots_ = surroundings_.ingress_slots;
  // A change renews nothing that was alive before: changes that come faster than renewals must not put them off.
  if (first) next_renewal_ = monotonic_now() + renewal_interval;
  return {};
}

// With a base chain the kernel would drop what is held.
Result<> OwningBackend::clear_all() {
  const State before = std::exchange(state_, {});
  stale_ = false;
  if (names_) {
    std::ignore = tables_.drain();  // is told by `clear`
    close_names();
  }
  auto cleared = clear();
  std::ignore = credit(before);
  egress_slots_.clear();
  ingress_slots_.clear();
  return cleared;
}

Result<> OwningBackend::listen_for_names(const State& wanted) {
  if (wanted.names.empty() || names_) return {};
  auto queue = NameQueue::open();
  if (!queue) return fail(queue.error());
  surroundings_.name_queue = queue->number();
  names_ = std::move(*queue);
  return {};
}

void OwningBackend::close_names() {
  if (!names_) return;
  names_->release_all();
  add(tally_, names_->tally());
  names_.reset();
}

std::string OwningBackend::chain_of(bool egress, unsigned slot) {
  return concat(to_string(egress ? Stage::egress : Stage::ingress), " ", slot);
}

// To the classes of `state`, which is the one whose slots are known.
Result<> OwningBackend::credit(const State& state) {
  auto chains = tables_.counters();
  if (!chains) return fail(chains.error());
  add_other_losses(*chains);
  const auto add_stage = [&](const Traffic& traffic, const Slots& slots, Stage stage) {
    for (std::size_t i = 0; i < traffic.classes.size() && i < slots.size(); ++i) {
      const std::string chain = concat(to_string(stage), " ", slots[i]);
      add(tally_[traffic.classes[i].name], rise(credited_[chain], (*chains)[chain]));
    }
  };
  for (const Stage stage : {Stage::output, Stage::postrouting, Stage::egress}) {
    add_stage(state.egress, egress_slots_, stage);
  }
  for (const Stage stage : {Stage::ingress, Stage::input, Stage::arrived}) {
    add_stage(state.ingress, ingress_slots_, stage);
  }
  credited_ = std::move(*chains);
  return {};
}

Result<Tally> OwningBackend::counters() {
  if (auto done = credit(state_); !done) return fail(done.error());
  Tally all = tally_;
  if (names_) add(all, names_->tally());
  return all;
}

std::vector<int> OwningBackend::file_descriptors() const {
  std::vector<int> fds = {links_.fd()};
  if (names_) fds.push_back(names_->fd());
  return fds;
}

Result<> OwningBackend::find_interfaces() {
  links_.changed();  // what it would tell is seen now
  auto links = links_.links();
  if (!links) return fail(links.error());
  for (const auto& link : *links) {
    if (link.loopback) surroundings_.loopback_index = link.index;
  }
  std::erase_if(*links, [](const Link& link) { return link.loopback || !link.up || is_of_ours(link); });
  found_ = std::move(*links);
  surroundings_.interfaces.clear();
  surroundings_.smallest_mtu = largest_packet;
  for (const auto& link : found_) {
    surroundings_.interfaces.push_back(link.name);
    surroundings_.smallest_mtu = std::min(surroundings_.smallest_mtu, link.mtu);
  }
  return {};
}

Result<State> OwningBackend::read_back() {
  renew_if_due();
  const auto tables = tables_.read();
  if (!tables) return fail(tables.error());
  return state_of(*tables, state_, surroundings_);
}

void OwningBackend::on_ready() {
  if (names_) names_->on_ready(monotonic_now());
  if (links_.changed()) stale_ = true;
  if (state_.empty()) {
    if (stale_) stale_ = !find_interfaces().has_value();
  } else if (stale_) {
    // What fails here is tried again at the next renewal; `read_back` tells the difference.
    std::ignore = establish(State(state_));
    if (stale_) renew();
  } else {
    renew_if_due();
  }
}

void OwningBackend::renew_if_due() {
  if (!state_.empty() && monotonic_now() >= next_renewal_) renew();
}

// One of the sets; whoever is late renews both, or one could fade before its turn.
void OwningBackend::renew() {
  const bool late = monotonic_now() > next_renewal_ + renewal_interval;
  if (!tables_.renew() || (late && !tables_.renew())) stale_ = true;
  next_renewal_ = monotonic_now() + renewal_interval;
}

std::optional<Duration> OwningBackend::until_due() const {
  if (state_.empty()) return std::nullopt;
  Instant due = next_renewal_;
  if (names_) due = std::min(due, names_->next_due().value_or(due));
  return std::max(due - monotonic_now(), Duration::zero());
}

}  // namespace entropy::kernel
