#include "cli/run_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/changes.hpp"
#include "cli/command.hpp"
#include "cli/fields.hpp"
#include "cli/readiness.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr Duration patience_for_injectors = 60s;
// Containers that were started right before the run: the engine's events tell the service of them within moments.
constexpr Duration patience_for_matches = 1s;

std::string path_of(const std::string& name) { return concat("/v1/policies/", percent_encode(name)); }

json::array array_at(const json::value& answer, std::string_view path) {
  const auto* found = find_field(answer, path);
  return found != nullptr && found->is_array() ? found->get_array() : json::array();
}

bool wants_running(const json::object& body) {
  const auto* state = body.if_contains("state");
  return state == nullptr || field_text(state) != "stopped";
}

std::string_view name_in(const json::object& body) {
  const auto* name = body.if_contains("name");
  return name != nullptr && name->is_string() ? std::string_view(name->get_string()) : "the policy";
}

}  // namespace

void RunSession::say(const std::string& text) {
  if (text == said_) return;
  said_ = text;
  progress_ << concat("entropy: ", text, "\n") << std::flush;
}

Result<> RunSession::preview(const RunPolicy& policy) const {
  const auto preview = client_.call("POST", "/v1/policies:preview", policy.body);
  if (!preview) return fail(preview.error());
  if (!wants_running(policy.body) || policy.expect.hits == 0U || !array_at(*preview, "matched").empty()) return {};
  std::string why = concat("nothing matches ", field_text(policy.body, "selector"));
  const auto skipped = array_at(*preview, "skipped");
  if (!skipped.empty())
    append(why, concat(" but ", field_text(skipped.front(), "name"), ", and ", field_text(skipped.front(), "reason")));
  return fail(ErrorCode::not_found, concat(name_in(policy.body), ": ", why, " (entropy match says more)"));
}

Result<> RunSession::preflight(const std::vector<RunPolicy>& policies) const {
  if (std::ranges::none_of(policies, [](const RunPolicy& each) { return wants_running(each.body); }))
    return fail(ErrorCode::invalid, "every policy has `state: stopped`: there is nothing to run");
  const auto endpoints = client_.call("GET", "/v1/endpoints");
  if (!endpoints) return fail(endpoints.error());
  std::string why = "no Docker engine is connected";
  const auto list = endpoints->is_array() ? endpoints->get_array() : json::array();
  const auto is_up = [&](const json::value& each) {
    if (field_text(each, "up") != "true") why = concat(field_text(each, "endpoint"), ": ", field_text(each, "message"));
    return field_text(each, "up") == "true";
  };
  if (std::ranges::none_of(list, is_up)) return fail(ErrorCode::unavailable, why);
  const auto deadline = Steady::now() + patience_for_matches;
  for (const auto& policy : policies) {
    auto previewed = preview(policy);
    while (!previewed && previewed.error().code == ErrorCode::not_found && Steady::now() < deadline &&
           !interrupted_(100ms)) {
      previewed = preview(policy);
    }
    if (!previewed) return previewed;
  }
  return {};
}

// Policies of runs that were killed: they have expired, and nobody will take them away.
void RunSession::remove_leftovers() const {
  const auto policies = client_.call("GET", "/v1/policies");
  if (!policies || !policies->is_array()) return;
  for (const auto& each : policies->get_array()) {
    const auto* labels = find_field(each, "labels");
    const bool of_a_run = labels != nullptr && labels->is_object() && labels->get_object().contains(run_label);
    if (!of_a_run || field_text(each, "status.phase") != "expired") continue;
    const std::string name = field_text(each, "name");
    if (client_.call("DELETE", path_of(name)))
      progress_ << concat("entropy: removed ", name, ", left by a run that was killed\n");
  }
}

Result<> RunSession::create_one(const RunPolicy& policy, const std::string& id) {
  Member member;
  member.expect = policy.expect;
  member.runs = wants_running(policy.body);
  member.begun = Steady::now();
  json::object body = policy.body;
  if (const auto* ttl = body.if_contains("ttl")) {
    const auto parsed = parse_duration(field_text(ttl));
    if (parsed) member.own_ttl = *parsed;  // else the service says what is wrong
  }
  if (terms_.lease) {
    json::object labels =
        body.contains("labels") && body["labels"].is_object() ? body["labels"].get_object() : json::object();
    labels[run_label] = id;
    body["labels"] = std::move(labels);
    if (!body.contains("ttl") || member.own_ttl) body["ttl"] = to_string(ttl_at(member, member.begun));
  }
  const auto made = client_.call("POST", "/v1/policies", body);
  if (!made) return fail(made.error());
  member.name = field_text(*made, "name");
  member.seed = field_text(*made, "seed");
  member.since = member.epoch = field_text(*made, "epoch");
  members_.push_back(std::move(member));
  return {};
}

Result<> RunSession::create(std::vector<RunPolicy> policies, const RunTerms& terms) {
  terms_ = terms;
  remove_leftovers();
  const std::string id = concat(to_rfc3339(SystemClock().now()), "-", ::getpid());
  renewed_ = Steady::now();
  for (const auto& policy : policies) {
    const auto created = create_one(policy, id);
    if (!created) return created;
  }
  return {};
}

Duration RunSession::ttl_at(const Member& member, Steady::time_point now) const {
  Duration ttl = std::chrono::duration_cast<Duration>(now - member.begun) + *terms_.lease;
  // Whole milliseconds are nicer to read.
  ttl = std::chrono::ceil<std::chrono::milliseconds>(ttl);
  if (terms_.bound) ttl = std::min(ttl, *terms_.bound);
  if (member.own_ttl) ttl = std::min(ttl, *member.own_ttl);
  return ttl;
}

void RunSession::renew() {
  const auto now = Steady::now();
  if (!terms_.lease || now - renewed_ < *terms_.lease / 4) return;
  renewed_ = now;
  for (auto& member : members_) {
    if (!member.lost && member.runs) renew_one(member);
  }
}

// Read, prolonged, written where nobody else has changed it meanwhile: what an operator stops stays stopped.
void RunSession::renew_one(Member& member) {
  const auto answer = client_.call("GET", path_of(member.name));
  if (!answer && answer.error().code == ErrorCode::not_found) {
    member.lost = true;
    return say(concat(member.name, ": somebody else has removed it"));
  }
  if (!answer) return say(concat(member.name, ": not renewed: ", answer.error().message));
  if (field_text(*answer, "state") == "stopped") {
    member.lost = true;
    const std::string why = field_text(*answer, "status.message");
    return say(concat(member.name, ": ", why.empty() ? "somebody else has stopped it" : why));
  }
  // As when its start_when has come to hold.
  if (std::string epoch = field_text(*answer, "epoch"); epoch != member.epoch) {
    member.epoch = std::move(epoch);
    member.begun = Steady::now();
  }
  json::object body = policy_fields(*answer);
  const std::string ttl = to_string(ttl_at(member, Steady::now()));
  if (field_text(*answer, "ttl") == ttl) return;
  body["ttl"] = ttl;
  const auto renewed =
      client_.call("PUT", path_of(member.name), body, concat("\"", field_text(*answer, "revision"), "\""));
  // Changed in between: the next time is soon enough.
  if (!renewed && renewed.error().code != ErrorCode::precondition)
    say(concat(member.name, ": not renewed: ", renewed.error().message));
}

Result<bool> RunSession::is_ready(const Member& member) {
  const auto readiness = readiness_of(client_, member.name);
  if (!readiness) return fail(readiness.error());
  if (readiness->all()) return true;
  say(concat(member.name, ": ", readiness->ready, " of ", readiness->targets, " containers ready"));
  return false;
}

Result<> RunSession::wait(const std::function<Result<bool>(const Member&)>& reached, Duration patience) {
  const auto pause = [&](Duration time) {
    if (interrupted_(time)) return true;
    renew();
    return false;
  };
  const auto deadline = Steady::now() + patience;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].runs) continue;
    const auto left = std::max<Duration>(std::chrono::duration_cast<Duration>(deadline - Steady::now()), Duration(0));
    const auto waited = wait_until([&] { return reached(members_[i]); }, left, pause);
    if (!waited && waited.error().code == ErrorCode::timeout) return fail(context(members_[i].name, waited.error()));
    if (!waited) return waited;
  }
  return {};
}

Result<> RunSession::wait_ready() {
  return wait([this](const Member& member) { return is_ready(member); }, patience_for_injectors);
}

// What is over at once may be so between two looks.
bool RunSession::has_held(const Member& member) const {
  const Query query = {{"policy", member.name}, {"since", member.since}, {"limit", "1"}};
  const auto page = client_.call("GET", concat("/v1/faults", print_query(query)));
  const auto rows = page ? array_at(*page, "items") : json::array();
  return !rows.empty() && !field_text(rows.front(), "started").empty();
}

Result<> RunSession::wait_active() {
  const auto active = [this](const Member& member) -> Result<bool> {
    const auto answer = client_.call("GET", path_of(member.name));
    if (!answer) return fail(answer.error());
    const std::string phase = field_text(*answer, "status.phase");
    if (phase == "halted" || phase == "degraded")
      return fail(ErrorCode::unavailable, concat(member.name, ": ", field_text(*answer, "message")));
    if (phase == "expired") return fail(ErrorCode::unavailable, concat(member.name, ": it has ended without a hit"));
    const std::string next = field_text(*answer, "status.next_window");
    say(concat(member.name, " is ", phase, next.empty() ? "" : concat(", its next window begins at ", next)));
    return phase == "active" || (phase == "armed" && has_held(member));
  };
  return wait(active, std::chrono::hours(24 * 365));
}

std::vector<std::string> RunSession::roll_back() {
  std::vector<std::string> left;
  for (const auto& member : members_) {
    const auto removed = client_.call("DELETE", path_of(member.name));
    if (!removed && removed.error().code != ErrorCode::not_found) left.push_back(removed.error().message);
  }
  return left;
}

Result<json::array> RunSession::history(const std::string& name) const {
  constexpr std::size_t most_pages = 100;
  json::array faults;
  const auto member = std::ranges::find(members_, name, &Member::name);
  std::string cursor;
  for (std::size_t page = 0; page < most_pages; ++page) {
    Query query{{"policy", name}, {"since", member->since}, {"limit", "1000"}};
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const auto answer = client_.call("GET", concat("/v1/faults", print_query(query)));
    if (!answer) return fail(answer.error());
    for (const auto& fault : array_at(*answer, "items")) faults.push_back(fault);
    cursor = field_text(*answer, "next");
    if (cursor.empty()) break;
  }
  return faults;
}

}  // namespace entropy::cli
