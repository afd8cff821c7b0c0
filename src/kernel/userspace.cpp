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

QueueMode mode_for(const Effect& effect) {
  if (effect.corrupt > 0) return QueueMode::packets;
  // Of a super-packet the dice would be rolled once, and it would find a narrow line's queue full.
  return effect.rate || !effect.models.empty() ? QueueMode::lengths : QueueMode::metadata;
}

// Calls `use` with each class that holds packets, and the number of its queue.
template <class Use>
void for_each_held(const State& state, const Surroundings& around, Use use) {
  const auto all = [&](const Traffic& traffic, const Slots& slots, std::uint16_t first) {
    for (std::size_t i = 0; i < traffic.classes.size(); ++i) {
      if (!traffic.classes[i].effect.holds_packets()) continue;
      use(traffic.classes[i].effect, static_cast<std::uint16_t>(first + slots[i]));
    }
  };
  all(state.egress, around.egress_slots, around.egress_queue);
  all(state.ingress, around.ingress_slots, around.ingress_queue);
}

}  // namespace

UserspaceBackend::UserspaceBackend(OwnedTables tables, LinkWatch links, Surroundings surroundings)
    : OwningBackend(std::move(tables), std::move(links), std::move(surroundings)) {}

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
  if (state_.empty()) lost_.clear();
  if (auto prepared = prepare_queues(wanted); !prepared) return prepared;
  if (auto done = tables_.become(tables_for(wanted, surroundings_)); !done) return done;
  configure_lines(wanted);
  release_what_is_not_held(wanted);
  return {};
}

Result<> UserspaceBackend::prepare_queues(const State& wanted) {
  if ((wanted.egress.holds_packets() || wanted.ingress.holds_packets()) && !queues_) {
    auto queues = PacketQueues::open();
    if (!queues) return fail(queues.error());
    surroundings_.egress_queue = queues->egress();
    surroundings_.ingress_queue = queues->ingress();
    queues_ = std::move(*queues);
  }
  Result<> done;
  for_each_held(wanted, surroundings_, [&](const Effect& effect, std::uint16_t queue) {
    if (done) done = queues_->prepare(queue, mode_for(effect));
  });
  return done;
}

void UserspaceBackend::configure_lines(const State& wanted) {
  const Instant now = monotonic_now();
  for_each_held(wanted, surroundings_, [&](const Effect& effect, std::uint16_t queue) {
    auto line = lines_.find(queue);
    if (line == lines_.end()) line = lines_.emplace(queue, Line{DelayLine(random_seed())}).first;
    if (line->second.effect != effect) line->second.packets.configure(effect, now);
    line->second.effect = effect;
  });
}

// New packets flow first, then the held ones follow, then the tables go: in any other order the kernel would drop what
// is held.
Result<> UserspaceBackend::clear() {
  const auto drained = tables_.drain();
  while (drained && queues_ && receive_packets()) {
  }
  release_what_is_not_held({});
  if (auto removed = tables_.remove(); !removed) return removed;
  queues_.reset();
  lines_.clear();
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

bool UserspaceBackend::receive_packets() {
  for (int round = 0; round < receive_rounds; ++round) {
    const bool more = queues_->receive(arriving_);
    const Instant arrival = monotonic_now();
    for (const auto& packet : arriving_) {
      auto line = lines_.find(packet.queue);
      // Between the rules and the line's first configuration; then there is nothing that it would suffer.
      if (line == lines_.end()) line = lines_.emplace(packet.queue, Line{DelayLine(random_seed())}).first;
      const Arrival arrived{packet.id, packet.mark & ~copy_mark, packet.length, packet.payload};
      if (line->second.packets.arrive(arrived, arrival)) continue;
      queues_->drop(packet.queue, packet.id);
      ++lost_[packet.queue];
    }
    arriving_.clear();
    queues_->flush();
    release(arrival);
    if (!more) return false;
  }
  return true;
}

void UserspaceBackend::release(Instant until) {
  for (auto& [queue, line] : lines_) {
    line.packets.leave(until, leaving_);
    if (leaving_.empty()) continue;
    queues_->accept(queue, leaving_, is_egress(queue));
    leaving_.clear();
  }
}

// Where nothing is held any more in a direction, everything goes, also what has not been announced to us yet. Beside
// other classes a line that is no longer wanted empties in its own time.
void UserspaceBackend::release_what_is_not_held(const State& state) {
  if (!queues_) return;
  receive_packets();
  std::vector<std::uint16_t> wanted;
  for_each_held(state, surroundings_, [&](const Effect&, std::uint16_t queue) { wanted.push_back(queue); });
  for (auto each = lines_.begin(); each != lines_.end();) {
    auto& [queue, line] = *each;
    const bool held = (is_egress(queue) ? state.egress : state.ingress).holds_packets();
    if (!held) {
      line.packets.leave_all(leaving_);
      queues_->accept(queue, leaving_, is_egress(queue));
      std::vector<HeldPacket>().swap(leaving_);  // they may have been many
    }
    const bool needed = line.packets.size() > 0 || std::ranges::find(wanted, queue) != wanted.end();
    each = needed ? std::next(each) : lines_.erase(each);
  }
}

void UserspaceBackend::add_other_losses(Tally& chains) {
  for (const auto& [queue, lost] : lost_) {
    const bool egress = is_egress(queue);
    const unsigned slot = queue - (egress ? surroundings_.egress_queue : surroundings_.ingress_queue);
    chains[chain_of(egress, slot)].dropped += lost;
  }
}

std::optional<Duration> UserspaceBackend::until_due() const {
  auto wait = OwningBackend::until_due();
  if (!wait) return std::nullopt;
  for (const auto& [queue, line] : lines_) {
    if (const auto next = line.packets.next_due()) wait = std::min(*wait, *next - monotonic_now());
  }
  return std::max(*wait, Duration::zero());
}

}  // namespace entropy::kernel
