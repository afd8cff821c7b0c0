#include "kernel/examine.hpp"

#include "kernel/backend.hpp"

namespace entropy::kernel {
namespace {

// Both directions hold and lose packets: every kind of rule, queue and qdisc is made.
State everything() {
  using namespace std::chrono_literals;
  Effect effect;
  effect.delays = {{1ms, {}, 0, {}}};
  effect.loss = 0.5;
  Effect rejecting = effect;
  rejecting.cut = Cut::reject;
  return {rejecting, effect};
}

std::string missing_from(Result<std::unique_ptr<Backend>> backend) {
  if (!backend) return backend.error().message;
  const State wanted = everything();
  Result<> done = (*backend)->apply(wanted);
  if (done) {
    const auto held = (*backend)->read_back();
    if (!held) {
      done = fail(held.error());
    } else if (*held != wanted) {
      done = fail(ErrorCode::internal, "the kernel does not hold what it was asked for");
    }
  }
  const auto cleared = (*backend)->apply({});
  if (!done) return done.error().message;
  return cleared ? "" : cleared.error().message;
}

}  // namespace

std::vector<Examination> examine() {
  return {{"netem", missing_from(make_netem_backend())}, {"userspace", missing_from(make_userspace_backend())}};
}

}  // namespace entropy::kernel
