// Trying a custom injector image against a throw-away target, rule by rule of docs/injectors.md, for its author.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/endpoint.hpp"
#include "control/views.hpp"
#include "program/custom_output.hpp"

namespace entropy::control {

// One trial on one engine. Everything that it makes has the label entropy.injector=trial, and is removed at its end.
class Trial {
 public:
  // `own_image` is loaded there.
  Trial(boost::asio::any_io_executor executor, Endpoint& where, std::string manager_id, std::string own_image)
      : executor_(executor), where_(where), manager_id_(std::move(manager_id)), own_image_(std::move(own_image)) {}

  // An empty name means the first failure of the image's label; ErrorCode::invalid where there is none. An Error is
  // none of the image: it says why the trial could not be made.
  docker::Task<TrialView> run(policy::CustomFailure custom);

 private:
  using Snapshot = std::vector<std::string>;
  // What is known of a container of the image at one time.
  struct Seen {
    std::optional<program::CustomHeader> header;
    std::vector<program::CustomLine> lines;
    bool running = false;
    int exit_code = 0;
    bool has_started() const;
    std::string last_words() const;
  };

  docker::Task<> look_at_image();
  docker::Task<> make_target();
  docker::Task<> clear_up();
  docker::Task<Snapshot> snapshot();
  docker::Task<Snapshot> settled_snapshot();
  docker::Task<std::string> start(policy::CustomFailure custom, Duration length);
  docker::Task<Seen> look(std::string id);
  docker::Task<Seen> watch(std::string id, std::function<bool(const Seen&)> enough, Duration within);
  docker::Task<> try_fault();
  docker::Task<> try_sigterm(std::string id);
  docker::Task<> try_nonsense();
  docker::Task<> try_alone();
  docker::Task<> compare_with_before(std::string rule);
  boost::asio::awaitable<void> pause(Duration time);

  void judge_start(const Seen& seen);
  void pass(std::string rule, std::string message) {
    add(std::move(rule), TrialRule::Verdict::pass, std::move(message));
  }
  void note(std::string rule, std::string message) {
    add(std::move(rule), TrialRule::Verdict::note, std::move(message));
  }
  void failed(std::string rule, std::string message) {
    add(std::move(rule), TrialRule::Verdict::fail, std::move(message));
  }
  void add(std::string rule, TrialRule::Verdict verdict, std::string message) {
    view_.rules.push_back({std::move(rule), verdict, std::move(message)});
  }

  boost::asio::any_io_executor executor_;
  Endpoint& where_;
  std::string manager_id_;
  std::string own_image_;
  TrialView view_;
  std::string target_;
  Snapshot before_;
};

}  // namespace entropy::control
