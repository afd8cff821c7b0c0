#include <array>
#include <map>

#include "api/resources.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// Prometheus text exposition, version 0.0.4.
class Exposition {
 public:
  void family(std::string_view name, std::string_view help) {
    name_ = name;
    append(text_, concat("# HELP ", name, " ", help, "\n# TYPE ", name, " gauge\n"));
  }
  void sample(const Labels& labels, std::uint64_t value) {
    std::vector<std::string> printed;
    for (const auto& [key, label] : labels) printed.push_back(concat(key, "=\"", escaped(label), "\""));
    const std::string braces = printed.empty() ? "" : concat("{", join(printed, ","), "}");
    append(text_, concat(name_, braces, " ", value, "\n"));
  }
  std::string take() { return std::move(text_); }

 private:
  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '\\' || c == '"') out += '\\';
      out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
  }

  std::string_view name_;
  std::string text_;
};

void add_policies(Exposition& out, const std::vector<control::PolicyView>& policies) {
  using control::Phase;
  constexpr std::array phases = {Phase::stopped,  Phase::expired, Phase::halted, Phase::waiting,
                                 Phase::degraded, Phase::active,  Phase::armed};
  std::map<Phase, std::uint64_t> counts;
  for (const auto& view : policies) ++counts[view.status.phase];
  out.family("entropy_policies", "Policies by phase.");
  for (const Phase phase : phases) out.sample({{"phase", std::string(to_string(phase))}}, counts[phase]);
  out.family("entropy_policy_targets", "Containers that a policy's selector matches.");
  for (const auto& view : policies) out.sample({{"policy", view.record.policy.name}}, view.status.targets);
}

void add_injectors(Exposition& out, const std::vector<control::InjectorView>& injectors) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> faults;
  std::map<std::pair<std::string, std::string>, std::uint64_t> states;
  for (const auto& view : injectors) {
    ++states[{std::string(to_string(view.state)), view.backend}];
    for (const auto& fault : view.active) ++faults[{fault.policy, fault.failure}];
  }
  out.family("entropy_faults_active", "Faults that hold now, read back from the kernel.");
  for (const auto& [key, count] : faults) out.sample({{"policy", key.first}, {"failure", key.second}}, count);
  out.family("entropy_injectors", "Injector containers.");
  for (const auto& [key, count] : states) out.sample({{"state", key.first}, {"backend", key.second}}, count);
}

}  // namespace

Response get_metrics(const Call& call) {
  Exposition out;
  out.family("entropy_build_info", "Always 1; the label says the version.");
  out.sample({{"version", call.options->version}}, 1);
  out.family("entropy_halted", "1 while everything is halted.");
  out.sample({}, call.service->halt_state().halted ? 1 : 0);
  add_policies(out, call.service->policies());
  add_injectors(out, call.service->injectors());
  out.family("entropy_endpoint_up", "1 while the Docker engine answers.");
  for (const auto& view : call.service->endpoints()) out.sample({{"endpoint", view.endpoint}}, view.up ? 1 : 0);
  return {200, "text/plain; version=0.0.4; charset=utf-8", out.take()};
}

}  // namespace entropy::api
