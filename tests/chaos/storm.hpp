// One seed: some minutes of virtual time in which everything goes wrong, then calm; what must hold all the while and
// in the end is checked.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "chaos/neighbour.hpp"

namespace entropy::chaos {

class Storm {
 public:
  // `tell` hears the story, line by line.
  Storm(std::uint64_t seed, std::function<void(const std::string&)> tell = {});

  // What went wrong; empty: nothing.
  std::string run();

 private:
  // What the users know of a policy. Uncertain: a call about it was not answered.
  struct Known {
    policy::Record record;
    bool exists = true;
    bool uncertain = false;
    bool busy = false;   // a call about it is under way
    bool quiet = false;  // acknowledged as stopped or removed
  };

  // storm.cpp
  void set_up();
  void blow();
  void calm_down();
  void settle(const std::string& when, Duration within);
  bool any_stops() const;
  Duration patience_now() const;
  void clear_away();
  void clean();
  void bury_neighbour();
  void check_nothing_is_left(const std::string& manager);
  std::string wrong();
  void go_until(Duration end);
  void wait(Duration time);
  void watch();
  void check_views();
  void check_rows();
  bool is_shown_active(const store::FaultRecord& row);
  void check_history();
  std::vector<store::FaultRecord> told_ends();
  bool is_of_the_same_end(const store::FaultRecord& row, const store::FaultRecord& told) const;
  void check_all_was_heard_of();
  void broken(const std::string& what);
  void say(const std::string& what);
  Intent intent() const;

  // storm_users.cpp
  void user_acts();
  void create();
  void change();
  void stop_or_remove(bool remove);
  void start();
  void halt();
  void resume();
  void restart_injector();
  void learn(const std::string& name, const Result<control::PolicyView>& answer);
  void compare_policies();
  bool killed() const { return service_.life().dead; }
  std::string some_policy();
  void check_quiet(const std::string& policy, const std::string& why);
  void on_fault(const program::Fault& fault);

  // storm_nature.cpp
  void nature_acts();
  void change_weather();
  void add_container(Host& host);
  void act_on_target(Host& host);
  void act_on_injector(Host& host);
  void act_on_engine(Host& host);
  void set_clocks();
  void plan_death();
  void end_in_order();
  void begin_again();

  World world_;
  std::vector<Host*> other_machines_;  // with clocks of their own
  Duration lease_;
  Service service_;
  std::function<void(const std::string&)> tell_;
  std::unique_ptr<Neighbour> neighbour_;  // in some storms
  std::map<std::string, Known> known_;
  bool halted_ = false;
  bool halt_uncertain_ = false;
  bool halt_is_quiet_ = false;  // acknowledged
  bool calm_ = false;
  bool ending_ = false;                            // the manager was told to, and hears no users
  Duration began_{0};                              // the latest life of the manager
  std::map<std::string, Duration> unknown_until_;  // endpoints that the manager could not ask
  Duration next_watch_{0};
  bool clocks_were_set_ = false;
  Duration lull_until_{0};  // until then engines may have been out of reach
  int names_ = 0;
  std::string broken_;
};

}  // namespace entropy::chaos
