// Failures of the container itself, done through the engine as the plan says: recorded before they are done, read back,
// undone, and heard of in the journal. What a service that died has left is taken up again from the store.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "control/act_plan.hpp"
#include "control/endpoint.hpp"
#include "control/former.hpp"
#include "control/journal.hpp"
#include "control/plan.hpp"
#include "store/store.hpp"

namespace entropy::control {

// One thread, the reconciler's, whose part it is.
class ContainerActs {
 public:
  struct Context {
    Timing& timing;
    const Clock& clock;
    Journal& journal;
    store::Store& store;
    const std::vector<std::unique_ptr<Endpoint>>& endpoints;
    std::function<void()> wake;  // something changed that the plan should know
  };
  explicit ContainerActs(Context context) : context_(std::move(context)) {}

  // Reads what a former service has left under way.
  Result<> recall();

  void observe(Observed& observed) const;
  // Whether any act has to do with the container.
  bool concerns(const std::string& endpoint, const std::string& id) const;

  // Before every plan: notices what has become of the containers.
  void look(const std::vector<policy::Record>& policies);
  void start(const ActPlan& plan);
  Time next_look(Time now) const;
  // What waited for a time of the old clock is tried at once.
  void clock_was_set(Time now);
  void forget_troubles(std::string_view policy);

  // What is not undone yet of the policy (or, if empty, of any).
  struct Left {
    std::string why;
    bool out_of_reach = false;
  };
  std::optional<Left> left(std::string_view policy) const;
  // What an engine may do late it may have done, and no event told of it: until it was looked at, it is `left`. Whether
  // there is any.
  bool look_at_doubtful(std::string_view policy);
  // How many hold now.
  std::size_t active() const;
  // Whether the window passed by because the last replica of a service has to stay.
  bool is_capped(const ActPlace& place) const { return capped_.contains(place); }

  // Whether it is not known yet what comes of the window.
  bool is_under_way(const ActPlace& place) const;

  // Undoes everything, side by side, within the time; how many could not be undone. They stay in the store.
  boost::asio::awaitable<std::size_t> shut_down(Duration within);

 private:
  struct Act {
    store::ActRecord record;
    failure::ContainerFailure failure;
    bool told = false;  // the journal has it open
    // By the time that never jumps. Until then the engine may yet do what it was asked for and has not answered: the
    // row stays, though it was undone.
    Duration in_doubt_until{0};
    bool undone = false;                                // by us; over it is also when somebody else has undone it
    bool started_by_us = false;                         // in the place of Docker, as its restart policy says
    std::optional<Duration> down_since = std::nullopt;  // since when it was seen to be down
  };
  using Place = std::pair<std::string, std::string>;  // endpoint and container id

  // nullptr: the service was started without it.
  Endpoint* endpoint(const std::string& name) const;
  const CachedContainer* find(const store::ActRecord& record) const;
  Act* find(std::uint64_t id);
  bool holds(const Act& act) const;
  static Place place_of(const store::ActRecord& record) { return {record.endpoint, record.container}; }
  // Whether both are the same failure of the same container.
  static bool are_alike(const Act& one, const Act& other);
  // Other acts that keep the same in place, or are to.
  std::vector<const Act*> sharing(const Act& act) const;
  // What those of them limit that hold. Of one that does not, the engine may yet say no.
  std::vector<failure::ContainerFailure> held_beside(const Act& act) const;
  // Of its limits, with all that share them.
  docker::Limits asked_of(const Act& act) const;
  bool is_in_place(const Act& act) const;
  bool is_in_doubt(const Act& act) const { return context_.timing.elapsed() < act.in_doubt_until; }
  bool is_kept_in_doubt(const Act& act) const;
  bool is_back(const Act& act) const;
  bool may_be_back(const Act& act) const;
  bool is_gone(const std::string& container) const;

  // container_acts.cpp
  void look_at(Act& act);
  void look_at_lasting(Act& act);
  // That somebody else has undone it, as far as is known.
  bool seems_undone(Act& act);
  std::string words_of_undoing(const Act& act) const;
  void look_at_instant(Act& act);
  const CachedContainer* successor(const Act& act) const;
  void hold(Act& act);
  void tell_start(Act& act);
  std::optional<store::FaultRecord> tell_end(Act& act, store::Outcome outcome, const std::string& message,
                                             const std::string& measured = "");
  void end_by_itself(Act& act, store::Outcome outcome, const std::string& message, const std::string& measured = "");
  void save(Act& act);
  // Should the service end before it is seen to be undone, the next one does not know whether it holds, and takes it
  // for nobody else's doing if it does not.
  void keep_as_undoing(const Act& act);
  void drop(std::uint64_t id);
  void note_trouble(const std::string& policy, const std::string& container, std::string message);
  void refuse(const DueAct& due, std::string message);
  void tell_failure(const Act& act, std::string message);
  // The engine has refused it: it was not done, and its row goes.
  void give_up(const Act& act, std::string message);

  // container_acts_actions.cpp
  boost::asio::awaitable<void> settle(Place place, std::vector<ActStep> steps);
  docker::Task<> begin(DueAct due);
  docker::Task<std::string> refusal_of(DueAct due);
  // `again`: it may have been done already.
  boost::asio::awaitable<void> perform(std::uint64_t id, bool again);
  boost::asio::awaitable<void> end(std::uint64_t id);
  // Events may come late: it is looked at before it is given up.
  boost::asio::awaitable<void> verify_undone(std::uint64_t id);
  docker::Task<> undo(std::uint64_t id);
  void doubt_what_shares(const Act& act);
  // Undoes what is there; of what was never said to hold, nothing else: it may be somebody's own.
  docker::Task<> undo_what_is_there(std::uint64_t id);
  docker::Task<> carry_out(Endpoint& where, std::string container, failure::ContainerFailure failure,
                           docker::Limits limits);
  boost::asio::awaitable<void> start_again(std::uint64_t id);
  boost::asio::awaitable<void> watch_health(std::string endpoint, std::string container, store::FaultRecord record);

  Context context_;
  std::map<std::uint64_t, Act> acts_;
  std::map<Place, std::set<std::string>> busy_;  // where something is being done, and the policies that it is for
  std::vector<DueAct> beginning_;                // whose rows are not there yet
  ActTroubles troubles_;
  // By policy, container and failure, of which window.
  std::map<std::tuple<std::string, std::string, std::string>, Time> told_failures_;
  std::set<ActPlace> capped_;
  bool stopped_ = false;
};

}  // namespace entropy::control
