// The policies of one `entropy run`, from their creation to their history. With a lease they have a short ttl that is
// prolonged again and again: when this program dies, however it dies, they end by themselves.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "cli/client.hpp"
#include "policy/policy_file.hpp"

namespace entropy::cli {

struct RunPolicy {
  boost::json::object body;  // of POST /v1/policies; the name may be missing
  policy::Expectation expect;
};

struct RunTerms {
  std::optional<Duration> lease;  // none: the policies stay when the run ends
  std::optional<Duration> bound;  // --for: they end after so long
};

class RunSession {
 public:
  using Steady = std::chrono::steady_clock;
  // What the user is told goes to `progress`. Waits call `interrupted` and give up when it answers true.
  RunSession(const Client& client, std::ostream& progress, std::function<bool(Duration)> interrupted)
      : client_(client), progress_(progress), interrupted_(std::move(interrupted)) {}

  // An engine is connected, every policy is valid and matches something. Touches nothing.
  Result<> preflight(const std::vector<RunPolicy>& policies) const;
  Result<> create(std::vector<RunPolicy> policies, const RunTerms& terms);
  // Until what should hold now holds on every target, and the others' injectors are ready.
  Result<> wait_ready();
  // Until one fault of each policy holds; for a run without an end.
  Result<> wait_active();
  // To be called more often than once in a third of the lease.
  void renew();
  // What is left; empty if every fault is read back as gone.
  std::vector<std::string> roll_back();
  // Since its creation, newest first.
  Result<boost::json::array> history(const std::string& name) const;

  struct Member {
    std::string name;
    std::string seed;
    std::string since;  // the policy's creation, by the service's clock
    std::string epoch;  // what its ttl counts from, by the same
    policy::Expectation expect;
    bool runs = true;                 // its state is `running`
    std::optional<Duration> own_ttl;  // what its author wants
    Steady::time_point begun;         // that epoch, by our own clock
    bool lost = false;                // somebody else has removed or stopped it
  };
  const std::vector<Member>& members() const { return members_; }

 private:
  Result<> preview(const RunPolicy& policy) const;
  void remove_leftovers() const;
  Result<> create_one(const RunPolicy& policy, const std::string& id);
  Duration ttl_at(const Member& member, Steady::time_point now) const;
  void renew_one(Member& member);
  Result<bool> is_ready(const Member& member);
  bool has_held(const Member& member) const;
  Result<> wait(const std::function<Result<bool>(const Member&)>& reached, Duration patience);
  void say(const std::string& text);

  const Client& client_;
  std::ostream& progress_;
  std::function<bool(Duration)> interrupted_;
  RunTerms terms_;
  std::vector<Member> members_;
  Steady::time_point renewed_;
  std::string said_;
};

}  // namespace entropy::cli
