// Watches over `stop_when` and `start_when`: asks addresses as often as it was told, and says which policies have to
// stop and which may begin.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "control/conditions.hpp"
#include "control/missed_ends.hpp"
#include "control/timing.hpp"

namespace entropy::control {

// One thread; the owner's coroutines may outlive a policy, not the guard.
class Guard {
 public:
  // `probe` may be null: then no address is asked. `missed_ends` belongs to the owner. `wake` is called when an address
  // has said something new.
  Guard(Timing& timing, std::shared_ptr<HttpProbe> probe, const MissedEnds& missed_ends, std::function<void()> wake)
      : timing_(timing), probe_(std::move(probe)), missed_ends_(missed_ends), wake_(std::move(wake)) {}

  bool asks_addresses() const { return probe_ != nullptr; }

  struct Verdict {
    std::string policy;
    bool stop = false;  // or begin
    std::string condition;
    std::string evidence;
  };
  // Starts what is due to be asked. While everything is halted nothing is asked nor decided.
  std::vector<Verdict> review(const Desired& desired, const Index& index, Time now);
  // How long until something is due to be asked.
  Duration until_next_question() const;

  std::vector<ConditionView> views(const policy::Record& record, const Desired& desired, const Index& index) const;

 private:
  // Policy, whether of its `stop_when`, place in the list.
  using Key = std::tuple<std::string, bool, std::size_t>;
  struct Asked {
    policy::Condition condition;
    Time epoch{};  // what was found before another start says nothing
    std::uint64_t number = 0;
    Finding finding = {};
    Duration due{0};
    bool under_way = false;
  };

  Finding look(const Key& key, const policy::Condition& condition, const policy::Record& record, const Desired& desired,
               const Index& index) const;
  void keep(const Key& key, const policy::Condition& condition, const policy::Record& record);
  boost::asio::awaitable<void> ask(Key key, std::uint64_t number, policy::Condition condition);

  Timing& timing_;
  std::shared_ptr<HttpProbe> probe_;
  const MissedEnds& missed_ends_;
  std::function<void()> wake_;
  std::map<Key, Asked> asked_;
  std::uint64_t count_ = 0;
};

}  // namespace entropy::control
