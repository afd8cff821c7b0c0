// Injectors of which nothing is heard: whether they are frozen, or the way to them is.
#include "control/log.hpp"
#include "control/reconciler_runtime.hpp"
#include "control/spawn.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration ask_again = 1s;

}  // namespace

// Until the next pass is due or there is news. Whether a thousand injectors are still heard takes no pass.
asio::awaitable<void> Reconciler::wait_for_work(Duration longest) {
  const Duration began = timing_.elapsed();
  const auto next = [&] { return std::min(began + longest, next_silence(began)); };
  for (bool news = false; !news && timing_.elapsed() < next();) {
    news = co_await work_.wait(next() - timing_.elapsed());
  }
}

// When the first of them will have said nothing for too long: of those of whom that was not so before.
Duration Reconciler::next_silence(Duration before) const {
  Duration next = Duration::max();
  for (const auto& [id, runtime] : runtimes_) {
    const Duration silent_at = runtime.quiet_since() + silence_limit();
    if (runtime.link && !runtime.silent && silent_at > before) next = std::min(next, silent_at);
  }
  return next;
}

void Reconciler::notice_silence() {
  for (auto& [id, runtime] : runtimes_) {
    const auto& known = endpoint(runtime.endpoint)->containers();
    const auto container = known.find(id);
    const bool is_paused = container != known.end() && container->second.container().state == "paused";
    const auto busy = busy_.find(runtime.target_id);
    const bool starting = busy != busy_.end() && busy->second.doing == Busy::Doing::creating && !busy->second.started;
    if (runtime.silent || !runtime.link || (starting && !runtime.state)) continue;
    if (is_paused) {
      declare_silent(id, "it is paused");
    } else if (!runtime.asked_about && is_quiet(runtime)) {
      runtime.asked_about = true;
      spawn(executor_, "asking about a silent injector", ask_about(id));
    }
  }
}

bool Reconciler::is_quiet(const Runtime& runtime) const {
  return timing_.elapsed() >= runtime.quiet_since() + silence_limit();
}

// What it says goes the same way as the engine's answers: only while these come it is the injector that says nothing.
// Otherwise it may hold what it held until its lease ends.
asio::awaitable<void> Reconciler::ask_about(std::string id) {
  bool answered = false;
  bool was_silent = false;  // the engine itself
  while (!answered && !given_up_ && is_worth_asking(id)) {
    const auto asked = timing_.elapsed();
    const auto seen = co_await endpoint(runtimes_.at(id).endpoint)->inspect(id);
    answered = seen || seen.error().code == ErrorCode::not_found;
    was_silent = was_silent || !answered || timing_.elapsed() >= asked + ask_again;
    if (!answered) co_await timing_.sleep(ask_again);
  }
  if (answered && was_silent) co_await ask_once_more(id);
  const auto found = runtimes_.find(id);
  if (found == runtimes_.end() || given_up_) co_return;
  found->second.asked_about = false;
  if (found->second.link && !found->second.silent && is_quiet(found->second)) declare_silent(id, "");
  wake();
}

bool Reconciler::is_worth_asking(const std::string& id) const {
  const auto found = runtimes_.find(id);
  return found != runtimes_.end() && found->second.link && is_quiet(found->second) &&
         timing_.elapsed() < lapse_of(found->second);
}

// It may have been well all the time, and no lease has reached it. When that is over nothing holds, whatever it says.
asio::awaitable<void> Reconciler::ask_once_more(std::string id) {
  if (!is_worth_asking(id)) co_return;
  Runtime& runtime = runtimes_.at(id);
  const auto end = std::min(timing_.elapsed() + silence_limit(), lapse_of(runtime));
  runtime.asked_at = timing_.elapsed();
  runtime.link->send(program::Lease{options_.lease});
  while (!given_up_ && is_worth_asking(id) && timing_.elapsed() < end) co_await timing_.sleep(ask_again);
}

// A frozen injector's rules expire within two seconds: its faults are over, too, though it can't say so.
void Reconciler::declare_silent(const std::string& id, const std::string& why) {
  Runtime& runtime = runtimes_.at(id);
  runtime.silent = true;
  if (runtime.state) runtime.state->active.clear();
  journal_.gone(id, std::string(frozen_end));
  injector_event("injector.silent", runtime.endpoint, id, why);
}

// One that can't be reached has had its lease renewed last when it was heard last, or a moment later. The engine may
// take long to say anything about it.
void Reconciler::notice_lapse() {
  for (auto& [id, runtime] : runtimes_) {
    if (!may_lapse(id, runtime) || timing_.elapsed() < lapse_of(runtime)) continue;
    if (runtime.state) runtime.state->active.clear();
    journal_.gone(id, "it was out of reach for longer than its lease and rolled back by itself");
  }
}

// Its last word may be a fault that began: the state after it was cut off.
bool Reconciler::may_lapse(const std::string& id, const Runtime& runtime) const {
  if (runtime.link && !runtime.asked_about) return false;
  return journal_.is_open(id) || (runtime.state && !runtime.state->active.empty());
}

Duration Reconciler::lapse_of(const Runtime& runtime) const {
  return std::max(runtime.heard_at + silence_limit(), runtime.asked_at) + options_.lease;
}

Duration Reconciler::silence_limit() const { return InjectorLink::silence_limit(options_.lease); }

}  // namespace entropy::control
