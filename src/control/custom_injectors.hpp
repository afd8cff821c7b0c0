// Runs custom injector images as the plan says: makes their containers, hears what they say, records how they end.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/endpoint.hpp"
#include "control/journal.hpp"
#include "control/plan.hpp"
#include "program/custom_output.hpp"

namespace entropy::control {

// One thread, the reconciler's, whose part it is.
class CustomInjectors {
 public:
  struct Context {
    Timing& timing;
    const Clock& clock;
    Journal& journal;
    std::string manager_id;
    const std::vector<std::unique_ptr<Endpoint>>& endpoints;
    std::function<void()> wake;  // something changed that the plan should know
  };
  explicit CustomInjectors(Context context) : context_(std::move(context)) {}

  // Adds what is known of a container of this manager with a custom image.
  void observe(Observed& observed, const Endpoint& where, const CachedContainer& container) const;
  void add_troubles(Observed& observed) const { observed.custom_troubles = troubles_; }

  // The policy begins anew: nothing has failed yet.
  void forget_troubles(std::string_view policy);

  // Before every plan: those that have said nothing for long are taken as started; troubles of policies and
  // targets that are gone are forgotten.
  void look(const std::vector<policy::Record>& policies);
  void start(const CustomAction& action);
  Time next_look(Time now) const;
  // What waited for a time of the old clock is looked at anew.
  void clock_was_set(Time now);

  // Why the policy (or, if empty, any) has not ended there.
  std::optional<std::string> on_its_way(std::string_view policy) const;

  std::size_t being_made(const std::string& endpoint) const;

  bool knows(const std::string& id) const { return runs_.contains(id); }
  // Ended and removed; the next plan makes a new one.
  boost::asio::awaitable<void> restart(std::string id);

  // Ends and removes all of them, side by side, within the time.
  boost::asio::awaitable<void> shut_down(Duration within);

 private:
  // What is known of one container besides what the engine says.
  struct Run {
    std::string endpoint;
    std::string target_id;
    std::string target_name;
    std::string content;
    program::Fault fault;
    program::CustomReader reader = {};
    Time followed_at{};
    bool followed = false;
    bool has_header = false;
    bool said = false;
    bool active = false;
    bool ending = false;
    bool ended = false;
    bool failed = false;
    std::string message = {};
    std::deque<std::string> last_words = {};
  };
  struct Busy {
    std::string policy;
    bool creating = false;
  };

  Endpoint& endpoint(const std::string& name) const;
  std::vector<ObservedCustom> all() const;
  void drop_lost_runs();
  Run* find(const std::string& id);
  Run& known(const std::string& endpoint, const std::string& id);
  bool occupy(const CustomPlace& place, bool creating);

  boost::asio::awaitable<void> create(CustomRun run);
  docker::Task<> try_create(CustomRun run);
  docker::Task<> ensure_image(Endpoint& where, CustomRun run);
  docker::Task<> run_container(Endpoint& where, CustomRun run);
  boost::asio::awaitable<void> follow(std::string endpoint, std::string id);
  boost::asio::awaitable<void> stop(std::string endpoint, std::string id);
  boost::asio::awaitable<void> remove(std::string endpoint, std::string id);
  // Stop, record, remove.
  boost::asio::awaitable<void> finish(std::string endpoint, std::string id);
  // Looks at one that has ended and records how; nothing if it runs.
  boost::asio::awaitable<void> conclude(std::string endpoint, std::string id);
  boost::asio::awaitable<void> pause(Duration time);

  void hear(const std::string& id, std::string_view bytes);
  void on_header(const std::string& id, Run& run, const program::CustomHeader& header);
  void on_line(const std::string& id, Run& run, const program::CustomLine& line);
  void begin(const std::string& id, Run& run, const std::string& words);
  void end(const std::string& id, Run& run, const std::string& words);
  void give_up(const std::string& id, Run& run, std::string message, Time not_before = {});
  void record_end(const std::string& id, Run& run, const docker::ContainerDetails& details);
  void note_trouble(const CustomPlace& place, std::string content, std::string message, Time not_before = {});
  void event(std::string type, const std::string& id, const Run& run, std::string message = {});

  Context context_;
  std::map<std::string, Run> runs_;   // by container id
  std::map<CustomPlace, Busy> busy_;  // where something is being made, ended or removed
  CustomTroubles troubles_;
  bool stopped_ = false;
};

InjectorView view_of(const ObservedCustom& custom);

}  // namespace entropy::control
