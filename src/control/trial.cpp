#include "control/trial.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "program/custom_offer.hpp"
#include "program/report_reader.hpp"

namespace entropy::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Duration time_to_speak = 3s;
constexpr Duration grace = 5s;
constexpr Duration time_to_end = 3s;  // by itself
constexpr Duration one_look = 100ms;

std::string seconds(Duration duration) { return concat(duration / 1s, ".", (duration % 1s) / 100ms, " s"); }

// "+ what came, - what went", a few of them.
std::string difference(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  constexpr std::size_t most = 6;
  std::vector<std::string> gone;
  std::vector<std::string> come;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  std::ranges::set_difference(after, before, std::back_inserter(come));
  std::vector<std::string> lines;
  lines.reserve(come.size() + gone.size());
  for (const auto& line : come) lines.push_back(concat("+ ", line));
  for (const auto& line : gone) lines.push_back(concat("- ", line));
  const std::size_t more = lines.size() > most ? lines.size() - most : 0;
  lines.resize(lines.size() - more);
  return more == 0 ? join(lines, ", ") : concat(join(lines, ", "), " and ", more, " more");
}

std::string errors_of(const program::CustomHeader& header) {
  std::vector<std::string> errors;
  errors.reserve(header.validation_errors.size());
  for (const auto& [field, message] : header.validation_errors) errors.push_back(concat(field, ": ", message));
  return join(errors, "; ");
}

}  // namespace

bool Trial::Seen::has_started() const {
  const auto is_start = [](const program::CustomLine& line) { return line.kind == program::CustomLine::Kind::started; };
  return (header && header->started) || std::ranges::any_of(lines, is_start);
}

std::string Trial::Seen::last_words() const { return lines.empty() ? "" : concat(": ", lines.back().text); }

asio::awaitable<void> Trial::pause(Duration time) {
  asio::steady_timer timer(executor_, time);
  auto token = asio::as_tuple(asio::use_awaitable);
  co_await timer.async_wait(token);
}

docker::Task<TrialView> Trial::run(policy::CustomFailure custom) {
  view_.custom = std::move(custom);
  const auto cleared = co_await clear_up();
  if (!cleared) co_return fail(cleared.error());
  auto done = co_await look_at_image();
  if (done && !view_.rules.empty() && view_.rules.front().rule == "is there") co_return view_;
  if (done) done = co_await make_target();
  if (done) done = co_await try_fault();
  const auto missing = [](const TrialRule& rule) {
    return rule.rule == "starts" && rule.verdict == TrialRule::Verdict::fail;
  };
  const bool starts = std::ranges::none_of(view_.rules, missing);
  if (done && starts) done = co_await try_nonsense();
  if (done && starts) done = co_await try_alone();
  const auto removed = co_await clear_up();
  if (!done) co_return fail(done.error());
  if (!removed) co_return fail(removed.error());
  co_return view_;
}

docker::Task<> Trial::look_at_image() {
  const std::string& reference = view_.custom.image;
  auto image = co_await where_.engine().inspect_image(reference);
  if (!image && image.error().code == ErrorCode::not_found) {
    const auto pulled = co_await where_.engine().pull_image(reference);
    if (!pulled) {
      failed("is there",
             concat("the engine has no image ", reference, ", and can't pull it: ", pulled.error().message));
      co_return Result<>();
    }
    image = co_await where_.engine().inspect_image(reference);
  }
  if (!image) co_return fail(image.error());
  const auto label = image->labels.find(std::string(program::offer_label));
  const auto offer =
      label == image->labels.end() ? Result<std::vector<failure::Kind>>() : program::parse_offer(label->second);
  std::vector<std::string> names;
  for (const auto& kind : offer.value_or(std::vector<failure::Kind>())) names.push_back(kind.name);
  if (!offer)
    failed("label", offer.error().message);
  else if (names.empty())
    note("label", "it has no label entropy.failures: `entropy failures` can't list what it offers");
  else
    pass("label", concat("it offers ", join(names, ", ")));
  if (view_.custom.name.empty() && !names.empty()) view_.custom.name = names.front();
  if (!view_.custom.name.empty()) co_return Result<>();
  co_return fail(ErrorCode::invalid, "which failure? The image has no label entropy.failures that names one: name it");
}

docker::Task<> Trial::make_target() {
  auto spec = trial_target_spec(where_.name(), manager_id_, own_image_);
  auto id = co_await where_.engine().create_container(std::move(spec));
  if (!id) co_return fail(context("making a target", id.error()));
  target_ = *id;
  const auto started = co_await where_.engine().start_container(target_);
  if (!started) co_return fail(context("starting the target", started.error()));
  auto taken = co_await settled_snapshot();
  if (!taken) co_return fail(taken.error());
  before_ = std::move(*taken);
  co_return Result<>();
}

docker::Task<> Trial::clear_up() {
  std::vector<std::string> labels = {concat(label::injector, "=trial"), concat(label::manager, "=", manager_id_)};
  const auto ours = co_await where_.engine().list_containers(true, std::move(labels));
  if (!ours) co_return fail(ours.error());
  for (const auto& container : *ours) {
    if (label_of(container, label::injector) != "trial") continue;
    const auto removed = co_await where_.engine().remove_container(container.id);
    if (!removed && removed.error().code != ErrorCode::not_found) co_return fail(removed.error());
    where_.forget(container.id);
  }
  co_return Result<>();
}

docker::Task<Trial::Snapshot> Trial::snapshot() {
  auto spec = snapshot_spec(where_.name(), manager_id_, own_image_, target_);
  const auto id = co_await where_.engine().create_container(std::move(spec));
  if (!id) co_return fail(context("looking at the target", id.error()));
  const auto started = co_await where_.engine().start_container(*id);
  if (!started) co_return fail(context("looking at the target", started.error()));
  Snapshot lines;
  program::LineSplitter splitter;
  const auto sink = [&](std::string_view bytes) {
    splitter.feed(bytes, [&](std::string_view line) {
      const auto report = program::parse_report(line);
      const auto* log = report ? std::get_if<program::Log>(&*report) : nullptr;
      lines.push_back(log == nullptr ? std::string(line) : log->message);
    });
    return true;
  };
  const auto read = co_await where_.engine().logs(*id, true, docker::whole_log, sink);
  const auto details = co_await where_.engine().inspect_container(*id);
  (void)co_await where_.engine().remove_container(*id);
  if (!read) co_return fail(read.error());
  if (details && details->exit_code != 0) co_return fail(ErrorCode::internal, join(lines, " "));
  std::ranges::sort(lines);
  co_return lines;
}

docker::Task<Trial::Snapshot> Trial::settled_snapshot() {
  constexpr int most = 10;
  auto last = co_await snapshot();
  for (int i = 0; last && i < most; ++i) {
    auto next = co_await snapshot();
    if (!next || *next == *last) co_return next;
    last = std::move(next);
    co_await pause(one_look);
  }
  co_return last;
}

docker::Task<std::string> Trial::start(policy::CustomFailure custom, Duration length) {
  CustomRun run;
  run.endpoint = where_.name();
  run.target_id = target_;
  run.fault.policy = "injector-test";
  run.fault.failure = custom.name;
  run.custom = std::move(custom);
  run.length = length;
  auto spec = trial_spec(run, manager_id_);
  const auto id = co_await where_.engine().create_container(std::move(spec));
  if (!id) co_return fail(id.error());
  const auto started = co_await where_.engine().start_container(*id);
  if (started) co_return id;
  (void)co_await where_.engine().remove_container(*id);
  co_return fail(started.error());
}

docker::Task<Trial::Seen> Trial::look(std::string id) {
  const auto details = co_await where_.engine().inspect_container(id);
  if (!details) co_return fail(details.error());
  Seen seen;
  seen.running = details->container.state == "running";
  seen.exit_code = details->exit_code;
  program::CustomReader reader;
  const auto sink = [&](std::string_view bytes) {
    reader.feed(bytes, [&](program::CustomOutput output) {
      if (auto* header = std::get_if<program::CustomHeader>(&output))
        seen.header = std::move(*header);
      else
        seen.lines.push_back(std::get<program::CustomLine>(std::move(output)));
    });
    return true;
  };
  const auto read = co_await where_.engine().logs(id, false, docker::whole_log, sink);
  if (!read) co_return fail(read.error());
  co_return seen;
}

docker::Task<Trial::Seen> Trial::watch(std::string id, std::function<bool(const Seen&)> enough, Duration within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (true) {
    auto seen = co_await look(id);
    if (!seen || !seen->running || enough(*seen) || std::chrono::steady_clock::now() >= deadline) co_return seen;
    co_await pause(one_look);
  }
}

void Trial::judge_start(const Seen& seen) {
  if (!seen.header) {
    note("header", "it prints none: it is taken as started, and can't refuse parameters");
  } else if (!seen.header->malformed.empty()) {
    failed("header", seen.header->malformed);
  } else if (!seen.header->validation_errors.empty()) {
    return failed("accepts its parameters", errors_of(*seen.header));
  } else {
    pass("header", concat("well-formed, started: ", seen.header->started ? "true" : "false"));
    if (!seen.has_started()) failed("starts its fault", "neither the header nor an event says so");
  }
  if (!seen.running) failed("goes on", concat("it ended at once with exit code ", seen.exit_code, seen.last_words()));
}

docker::Task<> Trial::try_fault() {
  auto custom = view_.custom;
  const auto id = co_await start(std::move(custom), 60s);
  if (!id) {
    failed("starts", id.error().message);
    co_return Result<>();
  }
  pass("starts", "");
  const auto seen = co_await watch(*id, &Seen::has_started, time_to_speak);
  if (!seen) co_return fail(seen.error());
  judge_start(*seen);
  if (!seen->running) co_return co_await compare_with_before("leaves nothing behind");
  const auto during = co_await snapshot();
  if (!during) co_return fail(during.error());
  if (*during == before_) {
    note("effect", "no change is seen in links, addresses, routes, qdiscs or nftables: it may act elsewhere");
  } else {
    pass("effect", difference(before_, *during));
  }
  auto ended = co_await try_sigterm(*id);
  if (!ended) co_return ended;
  co_return co_await compare_with_before("leaves nothing behind");
}

docker::Task<> Trial::try_sigterm(std::string id) {
  const auto begin = std::chrono::steady_clock::now();
  const auto stopped = co_await where_.engine().stop_container(id, grace);
  if (!stopped) co_return fail(stopped.error());
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
  const auto seen = co_await look(id);
  if (!seen) co_return fail(seen.error());
  constexpr int killed = 128 + 9;
  if (seen->exit_code == 0)
    pass("ends at SIGTERM", concat("with 0 after ", seconds(took)));
  else if (seen->exit_code == killed)
    failed("ends at SIGTERM", concat("it did not within ", entropy::to_string(grace), ", and was killed"));
  else
    failed("ends at SIGTERM", concat("with exit code ", seen->exit_code, " instead of 0", seen->last_words()));
  co_return Result<>();
}

docker::Task<> Trial::compare_with_before(std::string rule) {
  auto after = co_await settled_snapshot();
  if (!after) co_return fail(after.error());
  if (*after == before_)
    pass(std::move(rule), "the target's network is as before");
  else
    failed(std::move(rule), difference(before_, *after));
  before_ = std::move(*after);  // the next run is judged by what it does itself
  co_return Result<>();
}

docker::Task<> Trial::try_nonsense() {
  auto custom = view_.custom;
  custom.parameters = R"({"no-such-parameter":"nonsense"})";
  const auto id = co_await start(std::move(custom), 60s);
  if (!id) co_return fail(id.error());
  const auto has_said = [](const Seen& seen) { return seen.header || seen.has_started(); };
  const auto seen = co_await watch(*id, has_said, time_to_speak);
  if (!seen) co_return fail(seen.error());
  const std::string rule = "refuses nonsense";
  if (!seen->header)
    note(rule, "without a header it can't say that a parameter is wrong");
  else if (seen->header->validation_errors.empty())
    failed(rule, R"({"no-such-parameter": "nonsense"} got no validation_errors)");
  else
    pass(rule, errors_of(*seen->header));
  const auto stopped = co_await where_.engine().stop_container(*id, grace);
  if (!stopped) co_return fail(stopped.error());
  co_return co_await compare_with_before("leaves nothing behind after nonsense");
}

docker::Task<> Trial::try_alone() {
  constexpr Duration length = 2s;
  auto custom = view_.custom;
  const auto id = co_await start(std::move(custom), length);
  if (!id) co_return fail(id.error());
  const auto seen = co_await watch(*id, [](const Seen&) { return false; }, length + time_to_end);
  if (!seen) co_return fail(seen.error());
  const std::string rule = "ends by itself";
  if (seen->running)
    failed(rule, concat("it still runs ", entropy::to_string(time_to_end), " after its ENTROPY_DURATION of ",
                        entropy::to_string(length), ": nobody would end it if Entropy died"));
  else if (seen->exit_code != 0)
    failed(rule, concat("with exit code ", seen->exit_code, seen->last_words()));
  else
    pass(rule, "with 0 after its ENTROPY_DURATION");
  const auto stopped = co_await where_.engine().stop_container(*id, grace);
  if (!stopped) co_return fail(stopped.error());
  co_return co_await compare_with_before("leaves nothing behind then");
}

}  // namespace entropy::control
