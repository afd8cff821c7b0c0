// What injectors said while nobody listened: the service was not there, or the engine was out of reach.
#include <algorithm>

#include "control/end_of_log.hpp"
#include "control/labels.hpp"
#include "control/log.hpp"
#include "control/reconciler_runtime.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t last_lines = 1000;
constexpr int parallel_reads = 8;  // where an engine with many injectors is back
constexpr Duration a_moment = 20ms;
constexpr Duration first_pause = 500ms;
constexpr Duration longest_pause = 30s;
constexpr Duration longest_wait = 10s;  // of windows for what was said of them

bool may_be_read_later(const Error& error) { return docker::is_in_doubt(error) || error.code == ErrorCode::internal; }

// Its window may have got another end meanwhile.
bool is_same(const program::Fault& a, const program::Fault& b) {
  return std::tie(a.policy, a.target, a.failure, a.window, a.started) ==
         std::tie(b.policy, b.target, b.failure, b.window, b.started);
}

}  // namespace

// Once it is attached to, so that nothing is said in between; beside everything else, which does not wait for it. Where
// the log can't be read, nothing more is known.
asio::awaitable<void> Reconciler::catch_up(std::string endpoint_name, std::string id) {
  const auto attached = runtimes_.find(id);
  const std::weak_ptr<InjectorLink> link =
      attached == runtimes_.end() ? std::weak_ptr<InjectorLink>() : attached->second.link;
  Duration pause = first_pause;
  while (!given_up_) {
    while (logs_being_read_ >= parallel_reads) co_await timing_.sleep(a_moment);
    ++logs_being_read_;
    const auto log = co_await end_of_log(endpoint(endpoint_name)->engine(), id, last_lines);
    --logs_being_read_;
    if (log) {
      const auto found = runtimes_.find(id);
      const bool is_over = found == runtimes_.end() || found->second.silent;
      hear_late({endpoint_name, id}, *log, is_over);
      break;
    }
    log::debug("{}: the log of injector {}: {}", endpoint_name, id.substr(0, 12), log.error().message);
    if (!may_be_read_later(log.error()) || !is_attached_by(id, link)) break;
    co_await timing_.sleep(pause);
    pause = std::min(pause * 2, longest_pause);
  }
  if (is_attached_by(id, link)) runtimes_.at(id).catching_up_since.reset();
  changed_.notify();
  wake();
}

bool Reconciler::is_attached_by(const std::string& id, const std::weak_ptr<InjectorLink>& link) const {
  const auto found = runtimes_.find(id);
  return found != runtimes_.end() && found->second.link && found->second.link == link.lock();
}

// Of one that is about to be removed.
asio::awaitable<void> Reconciler::hear_last_words(Endpoint& where, std::string id) {
  const auto log = co_await end_of_log(where.engine(), id, last_lines);
  if (log) hear_late({where.name(), id}, *log, true);
}

bool Reconciler::is_unheard(const std::string& id) const {
  const auto found = runtimes_.find(id);
  return found == runtimes_.end() || !found->second.link || found->second.silent;
}

// Of those that give up their name to a new one, and go.
asio::awaitable<void> Reconciler::hear_predecessors(Endpoint& where, std::string target_id) {
  std::vector<std::string> unheard;
  for (const auto& [id, cached] : where.containers()) {
    const docker::Container& each = cached.container();
    const bool ours = is_network_injector(each) && label_of(each, label::target) == target_id &&
                      label_of(each, label::manager) == options_.manager_id;
    if (ours && is_unheard(id)) unheard.push_back(id);
  }
  for (const auto& id : unheard) co_await hear_last_words(where, id);
}

// What it began is told by its state as well, unless its time is over: then it has begun nothing else, and can't tell
// of an end any more.
void Reconciler::hear_late(const Journal::Source& source, std::string_view log, bool is_over) {
  std::vector<program::Fault> begun;
  for (const auto& report : reports_in(log)) {
    if (const auto* failed = std::get_if<program::FaultFailed>(&report)) journal_.failed_once(source, *failed);
    if (const auto* started = std::get_if<program::FaultStarted>(&report)) begun.push_back(started->fault);
    if (const auto* ended = std::get_if<program::FaultEnded>(&report)) {
      std::erase_if(begun, [&](const auto& fault) { return is_same(fault, ended->fault); });
      note_end(source, *ended);
    }
  }
  if (!is_over) return;
  const auto found = runtimes_.find(source.injector);
  const bool frozen = found != runtimes_.end() && found->second.silent;
  const std::string why(frozen ? frozen_end : "the injector ended; the kernel dropped its rules with it");
  for (const auto& fault : begun) journal_.ended_untold(source, fault, why);
}

// Of what it holds the state that comes next may get lost, or the one that came last be from before.
void Reconciler::note_end(const Journal::Source& source, const program::FaultEnded& report) {
  const auto found = runtimes_.find(source.injector);
  if (found != runtimes_.end() && found->second.state)
    std::erase_if(found->second.state->active, [&](const auto& fault) { return is_same(fault, report.fault); });
  journal_.ended(source, report);
}

// The owners of network namespaces, with their endpoints, whose injectors are being heard.
std::set<std::pair<std::string, std::string>> Reconciler::catching_up() const {
  std::set<std::pair<std::string, std::string>> owners;
  for (const auto& [id, runtime] : runtimes_) {
    const auto& since = runtime.catching_up_since;
    if (since && timing_.elapsed() < *since + longest_wait) owners.emplace(runtime.endpoint, runtime.target_id);
  }
  return owners;
}

}  // namespace entropy::control
