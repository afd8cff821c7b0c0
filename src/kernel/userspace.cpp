#include "kernel/userspace.hpp"

#include <linux/netlink.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "kernel/requirements.hpp"

namespace entropy::kernel {
namespace {

// Four or five of these fit into the time in which interfaces fade from the set of the living.
constexpr Duration renewal_interval = std::chrono::milliseconds(300);
constexpr std::uint32_t largest_packet = 65535;  // of IPv4; no interface has to take more
// A flood of arrivals must not keep what is due from leaving, nor the owner from its other work.
constexpr int receive_rounds = 32;

Instant now() { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Without randomness (never, after boot) the sequence is merely the same one.
  (void)!::getrandom(&seed, sizeof seed, 0);
  return seed;
}

bool ipv6_available() { return static_cast<bool>(Fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0))); }

void add(Counters& sum, const Counters& more) {
  sum.matched += more.matched;
  sum.dropped += more.dropped;
  sum.delayed += more.delayed;
}

}  // namespace

UserspaceBackend::UserspaceBackend(NetlinkSocket tables, LinkWatch links, Surroundings surroundings)
    : tables_(std::move(tables)),
      links_(std::move(links)),
      surroundings_(std::move(surroundings)),
      egress_(random_seed()),
      ingress_(random_seed()) {}

Result<std::unique_ptr<Backend>> UserspaceBackend::make() {
  auto tables = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!tables) return fail(tables.error());
  if (auto able = check_kernel(*tables); !able) return fail(able.error());
  auto links = LinkWatch::open();
  if (!links) return fail(links.error());
  Surroundings surroundings;
  surroundings.native_queue = has_native_queue(*tables);
  surroundings.ipv6 = ipv6_available();
  // Waits end when they are due, not up to 50 us later.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  std::unique_ptr<UserspaceBackend> backend(
      new UserspaceBackend(std::move(*tables), std::move(*links), std::move(surroundings)));
  if (auto found = backend->find_interfaces(); !found) return fail(found.error());
  return backend;
}

Result<> UserspaceBackend::apply(const State& wanted) {
  const State state = canonical(wanted);
  auto done = state.empty() ? clear() : establish(state);
  if (!done && !state.empty()) std::ignore = clear();
  return done;
}

// An interface that goes while we write its rules makes the kernel refuse them; then the next look is right.
Result<> UserspaceBackend::establish(const State& wanted) {
  constexpr int attempts = 3;
  Result<> done;
  for (int i = 0; i < attempts; ++i) {
    done = become(wanted);
    if (done || done.error().code != ErrorCode::not_found) break;
  }
  stale_ = !done.has_value();
  return done;
}

Result<> UserspaceBackend::become(const State& wanted) {
  if (auto found = find_interfaces(); !found) return found;
  if ((wanted.egress.holds_packets() || wanted.ingress.holds_packets()) && !queues_) {
    auto queues = PacketQueues::open();
    if (!queues) return fail(queues.error());
    surroundings_.egress_queue = queues->egress();
    surroundings_.ingress_queue = queues->ingress();
    queues_ = std::move(*queues);
  }
  const auto kernel = own_tables();
  if (!kernel) return fail(kernel.error());
  auto tables = tables_for(wanted, surroundings_);
  if (state_.empty()) past_ = {};
  if (difference(*kernel, tables)) {
    Writer batch;
    write_transition(batch, *kernel, tables);
    if (auto done = nft::commit(tables_, batch.bytes()); !done) return fail(explain(done.error()));
    add(past_, counted_by_replaced(*kernel, tables));
    const auto reached = own_tables();
    if (!reached) return fail(reached.error());
    if (const auto other = difference(*reached, tables)) {
      return fail(ErrorCode::internal, concat("the kernel took the rules but does not hold them: ", *other));
    }
  }
  if (wanted.egress != state_.egress) egress_.configure(wanted.egress, now());
  if (wanted.ingress != state_.ingress) ingress_.configure(wanted.ingress, now());
  state_ = wanted;
  in_force_ = std::move(tables);
  next_renewal_ = now() + renewal_interval;
  release_what_is_not_held(wanted);
  return {};
}

// New packets flow first, then the held ones follow, then the tables go: in any other order the kernel would drop what
// is held.
Result<> UserspaceBackend::clear() {
  const auto kernel = own_tables();
  if (!kernel) return fail(kernel.error());
  state_ = {};
  in_force_.clear();
  stale_ = false;
  if (!kernel->empty()) {
    add(past_, counted(*kernel));
    Writer drain;
    write_transition(drain, *kernel, draining(*kernel));
    const auto drained = nft::commit(tables_, drain.bytes());
    release_what_is_not_held(state_);
    Writer removal;
    nft::begin_batch(removal);
    for (const auto& table : *kernel) nft::delete_table(removal, table.family, table.name);
    nft::end_batch(removal);
    if (auto removed = nft::commit(tables_, removal.bytes()); !removed) return removed;
    if (!drained) return drained;
  }
  queues_.reset();
  const auto left = own_tables();
  if (!left) return fail(left.error());
  if (!left->empty()) return fail(ErrorCode::internal, "tables of ours remain after their removal");
  return {};
}

Result<std::vector<nft::Table>> UserspaceBackend::own_tables() {
  auto tables = nft::read_tables(tables_, table_name);
  if (!tables) return fail(context("can't read nftables", tables.error()));
  std::erase_if(*tables, [this](const nft::Table& table) { return table.owner != tables_.port(); });
  return tables;
}

// A table of our name that isn't ours is the usual reason for a refusal, but the kernel doesn't say so.
Error UserspaceBackend::explain(Error error) {
  const auto tables = nft::read_tables(tables_, table_name);
  if (!tables) return error;
  const auto foreign = [this](const nft::Table& table) { return table.owner != tables_.port(); };
  const auto found = std::ranges::find_if(*tables, foreign);
  if (found == tables->end()) return error;
  if (found->owner != 0) {
    return {ErrorCode::conflict, concat("another injector holds this namespace: ", error.message), {}};
  }
  return {ErrorCode::conflict,
          concat("a table named ", table_name, " is in the way which Entropy did not make (nft delete table ",
                 nft::to_string(found->family), " ", table_name, "): ", error.message),
          {}};
}

Result<> UserspaceBackend::find_interfaces() {
  links_.changed();  // what it would tell is seen now
  const auto links = links_.links();
  if (!links) return fail(links.error());
  surroundings_.interfaces.clear();
  surroundings_.smallest_mtu = largest_packet;
  for (const auto& link : *links) {
    if (link.loopback) {
      surroundings_.loopback_index = link.index;
    } else if (link.up) {
      surroundings_.interfaces.push_back(link.name);
      surroundings_.smallest_mtu = std::min(surroundings_.smallest_mtu, link.mtu);
    }
  }
  return {};
}

Result<State> UserspaceBackend::read_back() {
  if (!state_.empty() && now() >= next_renewal_) renew();
  const auto tables = own_tables();
  if (!tables) return fail(tables.error());
  return state_of(*tables, state_, surroundings_);
}

Result<Counters> UserspaceBackend::counters() {
  const auto tables = own_tables();
  if (!tables) return fail(tables.error());
  Counters sum = past_;
  add(sum, counted(*tables));
  return sum;
}

std::vector<std::string> UserspaceBackend::interfaces() { return surroundings_.interfaces; }

std::vector<int> UserspaceBackend::file_descriptors() const {
  std::vector<int> fds = {links_.fd()};
  if (queues_) fds.push_back(queues_->fd());
  return fds;
}

void UserspaceBackend::on_ready() {
  if (queues_) receive_packets();
  if (links_.changed()) stale_ = true;
  if (state_.empty()) {
    if (stale_) stale_ = !find_interfaces().has_value();
  } else if (stale_) {
    // What fails here is tried again at the next renewal; `read_back` tells the difference.
    std::ignore = establish(state_);
    if (stale_) renew();
  } else if (now() >= next_renewal_) {
    renew();
  }
}

void UserspaceBackend::renew() {
  Writer batch;
  nft::begin_batch(batch);
  for (const auto& table : in_force_) {
    for (const auto& set : table.sets) nft::renew_elements(batch, table.family, table.name, set);
  }
  nft::end_batch(batch);
  if (!nft::commit(tables_, batch.bytes())) stale_ = true;
  next_renewal_ = now() + renewal_interval;
}

void UserspaceBackend::receive_packets() {
  for (int round = 0; round < receive_rounds; ++round) {
    const bool more = queues_->receive(arriving_);
    const Instant arrival = now();
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
  if (state_.empty()) return std::nullopt;
  Instant due = next_renewal_;
  if (const auto next = egress_.next_due()) due = std::min(due, *next);
  if (const auto next = ingress_.next_due()) due = std::min(due, *next);
  return std::max(due - now(), Duration::zero());
}

}  // namespace entropy::kernel
