#include "kernel/userspace.hpp"

#include <sys/prctl.h>
#include <sys/random.h>

#include <algorithm>

#include "kernel/requirements.hpp"

namespace entropy::kernel {
namespace {

// A flood of arrivals must not keep what is due from leaving, nor the owner from its other work.
constexpr int receive_rounds = 32;

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Without randomness (never, after boot) the sequence is merely the same one.
  (void)!::getrandom(&seed, sizeof seed, 0);
  return seed;
}

}  // namespace

UserspaceBackend::UserspaceBackend(OwnedTables tables, LinkWatch links, Surroundings surroundings)
    : OwningBackend(std::move(tables), std::move(links), std::move(surroundings)),
      egress_(random_seed()),
      ingress_(random_seed()) {}

Result<std::unique_ptr<Backend>> UserspaceBackend::make() {
  auto tables = OwnedTables::open();
  if (!tables) return fail(tables.error());
  if (auto able = check_kernel(tables->socket()); !able) return fail(able.error());
  if (auto able = check_egress_hook(tables->socket()); !able) return fail(able.error());
  auto links = LinkWatch::open();
  if (!links) return fail(links.error());
  Surroundings surroundings;
  surroundings.native_queue = has_native_queue(tables->socket());
  surroundings.ipv6 = ipv6_available();
  // Waits end when they are due, not up to 50 us later.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  std::unique_ptr<UserspaceBackend> backend(
      new UserspaceBackend(std::move(*tables), std::move(*links), std::move(surroundings)));
  if (auto found = backend->find_interfaces(); !found) return fail(found.error());
  return backend;
}

Result<> UserspaceBackend::become(const State& wanted) {
  if ((wanted.egress.holds_packets() || wanted.ingress.holds_packets()) && !queues_) {
    auto queues = PacketQueues::open();
    if (!queues) return fail(queues.error());
    surroundings_.egress_queue = queues->egress();
    surroundings_.ingress_queue = queues->ingress();
    queues_ = std::move(*queues);
  }
  if (auto done = tables_.become(tables_for(wanted, surroundings_)); !done) return done;
  const Instant now = monotonic_now();
  if (wanted.egress != state_.egress) egress_.configure(wanted.egress, now);
  if (wanted.ingress != state_.ingress) ingress_.configure(wanted.ingress, now);
  release_what_is_not_held(wanted);
  return {};
}

// New packets flow first, then the held ones follow, then the tables go: in any other order the kernel would drop what
// is held.
Result<> UserspaceBackend::clear() {
  const auto drained = tables_.drain();
  release_what_is_not_held({});
  if (auto removed = tables_.remove(); !removed) return removed;
  queues_.reset();
  return drained;
}

std::vector<int> UserspaceBackend::file_descriptors() const {
  std::vector<int> fds = OwningBackend::file_descriptors();
  if (queues_) fds.push_back(queues_->fd());
  return fds;
}

void UserspaceBackend::on_ready() {
  if (queues_) receive_packets();
  OwningBackend::on_ready();
}

void UserspaceBackend::receive_packets() {
  for (int round = 0; round < receive_rounds; ++round) {
    const bool more = queues_->receive(arriving_);
    const Instant arrival = monotonic_now();
    for (const auto& packet : arriving_) {
      DelayLine& line = packet.queue == surroundings_.egress_queue ? egress_ : ingress_;
      line.arrive(packet.id, packet.mark & ~copy_mark, arrival);
    }
    arriving_.clear();
    release(arrival);
    if (!more) return;
  }
}

void UserspaceBackend::release(Instant until) {
  egress_.leave(until, leaving_);
  queues_->accept(surroundings_.egress_queue, leaving_, true);
  leaving_.clear();
  ingress_.leave(until, leaving_);
  queues_->accept(surroundings_.ingress_queue, leaving_, false);
  leaving_.clear();
}

void UserspaceBackend::release_all(DelayLine& line, std::uint16_t queue, bool restore_mark) {
  line.leave_all(leaving_);
  queues_->accept(queue, leaving_, restore_mark);
  leaving_ = {};  // they may have been many
}

// Lets everything go in a direction that holds nothing any more, also what has not been announced to us yet.
void UserspaceBackend::release_what_is_not_held(const State& state) {
  if (!queues_) return;
  receive_packets();
  if (!state.egress.holds_packets()) release_all(egress_, surroundings_.egress_queue, true);
  if (!state.ingress.holds_packets()) release_all(ingress_, surroundings_.ingress_queue, false);
}

std::optional<Duration> UserspaceBackend::until_due() const {
  auto wait = OwningBackend::until_due();
  if (!wait) return std::nullopt;
  for (const DelayLine* line : {&egress_, &ingress_}) {
    if (const auto next = line->next_due()) wait = std::min(*wait, *next - monotonic_now());
  }
  return std::max(*wait, Duration::zero());
}

}  // namespace entropy::kernel
