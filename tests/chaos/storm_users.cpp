// What users do, and what they were promised.
#include <algorithm>

#include "base/text.hpp"
#include "chaos/storm.hpp"
#include "chaos/wishes.hpp"

namespace entropy::chaos {
namespace {

using namespace std::chrono_literals;

}  // namespace

std::string Storm::some_policy() {
  std::vector<std::string> names;
  for (const auto& [name, known] : known_) {
    if (known.exists && !known.busy && !known.uncertain) names.push_back(name);
  }
  return names.empty() ? "" : world_.dice.one_of(names);
}

void Storm::user_acts() {
  if (!service_.runs() || ending_) return;
  switch (world_.dice.below(12)) {
    case 0:
    case 1:
      return create();
    case 2:
    case 3:
      return change();
    case 4:
    case 5:
      return stop_or_remove(false);
    case 6:
      return stop_or_remove(true);
    case 7:
    case 8:
      return start();
    case 9:
      return world_.dice.chance(0.5) ? halt() : resume();
    case 10:
      return resume();
    default:
      return restart_injector();
  }
}

// An answer, unless the manager died over it.
void Storm::learn(const std::string& name, const Result<control::PolicyView>& answer) {
  Known& known = known_[name];
  if (killed()) {
    known.uncertain = true;
  } else if (answer) {
    known.record = answer->record;
    known.exists = true;
    known.quiet = !answer->record.policy.running && known.quiet;
  }
}

void Storm::create() {
  if (known_.size() > 6) return;
  const std::string name = concat("p", ++names_);
  const auto wanted = some_draft(world_.dice, name);
  say(concat("create ", policy::print_json(policy::to_json(wanted.policy))));
  const auto answer = service_.manager().create_policy(wanted);
  say(answer ? "  done" : concat("  ", answer.error().message));
  if (!answer && !killed()) return;
  learn(name, answer);
}

void Storm::change() {
  const std::string name = some_policy();
  if (name.empty()) return;
  const auto wanted = some_draft(world_.dice, name);
  say(concat("put ", policy::print_json(policy::to_json(wanted.policy))));
  if (wanted.policy.running) known_[name].quiet = false;
  const auto answer = service_.manager().put_policy(name, wanted, std::nullopt);
  say(answer ? "  done" : concat("  ", answer.error().message));
  learn(name, answer ? Result<control::PolicyView>(answer->view) : fail(answer.error()));
}

void Storm::start() {
  const std::string name = some_policy();
  if (name.empty()) return;
  say(concat("start ", name));
  known_[name].quiet = false;
  const auto answer = service_.manager().start_policy(name);
  say(answer ? "  done" : concat("  ", answer.error().message));
  learn(name, answer);
}

void Storm::stop_or_remove(bool remove) {
  const std::string name = some_policy();
  if (name.empty()) return;
  say(concat(remove ? "remove " : "stop ", name));
  Known& known = known_[name];
  known.busy = true;
  const auto done = [this, &known, name, remove](const Result<>& ended) {
    known.busy = false;
    say(concat(remove ? "removed " : "stopped ", name, ended ? "" : concat(": ", ended.error().message)));
    if (ended) {
      known.quiet = true;
      known.record.policy.running = false;
      known.exists = !remove;
      check_quiet(name, remove ? "it was removed" : "it was stopped");
    }
    if (const auto now = service_.manager().policy(name)) known.record = now->record;
    known.uncertain |= !ended;  // it may be stopped for as long as this manager lives
  };
  service_.end_policy(name, remove, done);
}

void Storm::halt() {
  say("halt");
  halt_uncertain_ = true;
  service_.ask<control::HaltView>(service_.manager().halt("chaos"), [this](const Result<control::HaltView>& halted) {
    say(halted ? "halted" : concat("halting: ", halted.error().message));
    if (!service_.manager().halt_state().halted) return;  // resumed meanwhile
    halted_ = true;
    halt_uncertain_ = !halted.has_value();
    halt_is_quiet_ = halted.has_value();
    if (halted) check_quiet("", "everything is halted");
  });
}

void Storm::resume() {
  say("resume");
  halt_is_quiet_ = false;
  const auto resumed = service_.manager().resume();
  say(resumed ? "  done" : concat("  ", resumed.error().message));
  halted_ = halted_ && !resumed;
  halt_uncertain_ = killed() || !resumed;
}

void Storm::restart_injector() {
  const auto views = service_.manager().injectors();
  if (views.empty()) return;
  const std::string id = world_.dice.one_of(views).id;
  say(concat("restart ", id));
  service_.ask<void>(service_.manager().act_on_injector(id, control::Service::InjectorAction::restart),
                     [](const Result<>&) {});
}

// What was acknowledged is there; what was not may be there or not.
void Storm::compare_policies() {
  std::set<std::string> there;
  for (const auto& view : service_.manager().policies()) {
    const std::string& name = view.record.policy.name;
    there.insert(name);
    const auto known = known_.find(name);
    if (known == known_.end()) return broken(concat("a policy that nobody made: ", name));
    if (known->second.uncertain || known->second.busy) {
      known->second = {view.record};
    } else if (!known->second.exists) {
      return broken(concat("removed, and there again: ", name));
    } else if (policy::serialize(known->second.record) != policy::serialize(view.record)) {
      return broken(concat("not as acknowledged: ", name));
    } else {
      known->second.record = view.record;
    }
  }
  for (auto& [name, known] : known_) {
    if (there.contains(name)) continue;
    if (known.exists && !known.uncertain && !known.busy) return broken(concat("lost: ", name));
    known.exists = false;
    known.uncertain = known.busy = false;
  }
  const bool halted = service_.manager().halt_state().halted;
  if (!halt_uncertain_ && halted != halted_) return broken(halted ? "halted by nobody" : "the halt is lost");
  halted_ = halted;
  halt_uncertain_ = false;
}

void Storm::check_quiet(const std::string& policy, const std::string& why) {
  for (const auto& host : world_.hosts) {
    for (const auto& [id, it] : host->containers()) {
      if (policy.empty() && !it.harm.empty()) return broken(concat(why, ", but ", id, " is ", *it.harm.begin()));
      if (!it.process) continue;
      const bool ours = manager_of(it) == our_id;
      if (policy.empty() && ours && !it.process->held().empty())
        return broken(concat(why, ", but ", id, " holds something"));
      for (const auto& fault : it.process->holds()) {
        if (std::get<0>(fault) == policy) return broken(concat(why, ", but ", id, " holds ", policy));
      }
    }
  }
}

void Storm::on_fault(const program::Fault& fault) {
  const auto known = known_.find(fault.policy);
  if (known != known_.end() && known->second.quiet)
    broken(concat("a fault of ", fault.policy, " begins, which was stopped"));
  if (halt_is_quiet_ && known != known_.end())
    broken(concat("a fault of ", fault.policy, " begins, though everything is halted"));
}

}  // namespace entropy::chaos
