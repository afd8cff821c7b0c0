// doctor, version, info.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "cli/fields.hpp"
#include "cli/listing.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// The lines of a diagnosis, and whether any of them is bad.
class Diagnosis {
 public:
  explicit Diagnosis(std::ostream& out) : out_(out) {}
  void heading(std::string_view text) { out_ << text << "\n"; }
  void good(std::string_view text) { out_ << "  ok    " << text << "\n"; }
  void note(std::string_view text) { out_ << "  note  " << text << "\n"; }
  void bad(std::string_view text) {
    out_ << "  FAIL  " << text << "\n";
    healthy_ = false;
  }
  bool healthy() const { return healthy_; }

 private:
  std::ostream& out_;
  bool healthy_ = true;
};

// The one that `entropy manage` and `docker` would use here, by DOCKER_HOST.
void examine_docker_socket(Diagnosis& diagnosis, const Console& console) {
  constexpr std::string_view unix_scheme = "unix://";
  const std::string host = console.env("DOCKER_HOST");
  if (!host.empty() && !host.starts_with(unix_scheme))
    return diagnosis.note(concat("DOCKER_HOST is ", host, ": the engine is not a socket of this host"));
  const std::string path = host.empty() ? "/var/run/docker.sock" : host.substr(unix_scheme.size());
  const std::string named = host.empty() ? path : concat(path, " (DOCKER_HOST)");
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    diagnosis.note(concat("no ", named, " on this host (fine where the engine is elsewhere)"));
  } else if (::access(path.c_str(), R_OK | W_OK) != 0) {
    diagnosis.note(concat("this user may not use ", named, ": entropy manage needs root or the group docker"));
  } else {
    diagnosis.good(concat(named, " is there, and this user may use it"));
  }
}

void examine_local(Diagnosis& diagnosis, const Console& console, const Client& client) {
  diagnosis.heading("This host");
  examine_docker_socket(diagnosis, console);
  const Token& token = client.token();
  if (token.value.empty()) {
    diagnosis.note(concat("no token (looked for ", token.source, ")"));
  } else {
    diagnosis.good(concat("token from ", token.source));
  }
}

// Where a module comes from that a kernel lacks; none where that is not the trouble.
std::string remedy(std::string_view missing, std::string_view system) {
  if (!missing.contains("(module ")) return "";
  const auto is_any = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(names, [&](std::string_view name) { return system.contains(name); });
  };
  if (is_any({"Ubuntu"})) return "; on Ubuntu it is in the package linux-modules-extra-$(uname -r)";
  if (is_any({"Fedora", "Red Hat", "CentOS", "Rocky", "AlmaLinux", "Oracle"})) {
    return "; here it is in the package kernel-modules-extra";
  }
  if (is_any({"Debian"})) return "; Debian's stock kernel has it: package linux-image-amd64 (or -arm64)";
  return "; a kernel with CONFIG_NET_SCH_NETEM, CONFIG_NET_SCH_PRIO and CONFIG_IFB, perhaps in a package of extra "
         "modules, has it";
}

// What was tried just now in a network namespace of its own.
void examine_backends(Diagnosis& diagnosis, const json::value& endpoint) {
  const auto* examined = find_field(endpoint, "examined");
  if (examined == nullptr || !examined->is_array()) return;
  bool any = false;
  for (const auto& each : examined->get_array()) any |= field_text(each, "works") == "true";
  for (const auto& each : examined->get_array()) {
    const std::string name = concat("backend ", field_text(each, "backend"));
    if (field_text(each, "works") == "true") {
      diagnosis.good(concat(name, " works there (tried in a network namespace of its own)"));
      continue;
    }
    const std::string missing = field_text(each, "message");
    const std::string line = concat(name, ": ", missing, remedy(missing, field_text(endpoint, "operating_system")));
    any ? diagnosis.note(concat(line, " (the other one is used)")) : diagnosis.bad(line);
  }
}

std::vector<std::string> texts_at(const json::value& object, std::string_view path) {
  std::vector<std::string> texts;
  const auto* found = find_field(object, path);
  if (found == nullptr || !found->is_array()) return texts;
  for (const auto& each : found->get_array()) texts.push_back(field_text(&each));
  return texts;
}

// Other services' injectors, and what services that are no more have left.
void examine_others(Diagnosis& diagnosis, const json::value& endpoint) {
  const auto* others = find_field(endpoint, "others");
  if (others == nullptr || !others->is_array()) return;
  for (const auto& each : others->get_array()) {
    const auto orphans = texts_at(each, "orphans");
    diagnosis.note(concat("the Entropy with the manager id ", field_text(each, "manager"), " has ",
                          field_text(each, "containers"), " containers there, which are left alone",
                          orphans.empty() ? " (served, as far as can be told)" : ""));
    if (orphans.empty()) continue;
    diagnosis.bad(concat("nobody serves ", join(orphans, ", "), " any more: entropy doctor --fix removes ",
                         orphans.size() == 1 ? "it" : "them"));
  }
}

// Before anything is examined: what is removed is no trouble any more.
void fix(Diagnosis& diagnosis, const Client& client) {
  const auto cleaned = client.call("POST", "/v1/endpoints:clean");
  diagnosis.heading("Mended");
  if (!cleaned) return diagnosis.bad(cleaned.error().message);
  bool any = false;
  for (const auto& each : cleaned->is_array() ? cleaned->get_array() : json::array()) {
    const std::string where = concat(" from ", field_text(each, "endpoint"));
    for (const auto& name : texts_at(each, "removed")) diagnosis.good(concat("removed ", name, where));
    for (const auto& failed : texts_at(each, "failed")) diagnosis.bad(concat("not removed", where, ": ", failed));
    any |= !texts_at(each, "removed").empty() || !texts_at(each, "failed").empty();
  }
  if (!any) {
    diagnosis.good(
        "no service that is no more has left an injector (one whose lease runs counts as alive; what a dead service "
        "has paused, stopped or limited can't be told: docker ps --filter status=paused)");
  }
}

void examine_endpoint(Diagnosis& diagnosis, const json::value& endpoint) {
  const auto text = [&](std::string_view path) { return field_text(endpoint, path); };
  diagnosis.heading(concat("Endpoint ", text("endpoint")));
  if (text("up") != "true") {
    const std::string why = text("message");
    return diagnosis.bad(why.empty() ? "the Docker engine does not answer" : why);
  }
  diagnosis.good(concat("Docker ", text("server_version"), " (API ", text("api_version"), ") on ", text("name"), ", ",
                        text("containers"), " containers"));
  diagnosis.good(concat(text("operating_system"), ", kernel ", text("kernel_version"), ", ", text("architecture")));
  if (text("swarm") == "manager") diagnosis.good(concat("manager of its Swarm (services: ", text("services"), ")"));
  if (!text("message").empty()) diagnosis.note(text("message"));
  examine_backends(diagnosis, endpoint);
  examine_others(diagnosis, endpoint);
}

void examine_service(Diagnosis& diagnosis, const Client& client) {
  const auto info = client.call("GET", "/info");
  if (!info) return diagnosis.bad(info.error().message);
  const std::string trouble = field_text(*info, "message");
  if (!trouble.empty()) diagnosis.bad(trouble);
}

int run_doctor(const Context& context, bool mend) {
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  Diagnosis diagnosis(context.console.out);
  examine_local(diagnosis, context.console, *client);
  if (mend) fix(diagnosis, *client);
  const auto endpoints = client->call("POST", "/v1/endpoints:examine");
  diagnosis.heading("Service");
  if (!endpoints) {
    diagnosis.bad(endpoints.error().message);
    if (endpoints.error().code == ErrorCode::unavailable)
      diagnosis.note("where no service runs, start one: sudo entropy manage (a new one will do, for --fix, too)");
  } else {
    diagnosis.good(concat("Entropy answers at ", to_string(client->address())));
    examine_service(diagnosis, *client);
    if (endpoints->is_array()) {
      for (const auto& each : endpoints->get_array()) examine_endpoint(diagnosis, each);
    }
  }
  if (diagnosis.healthy()) return done;
  return context.report({ErrorCode::unavailable, "something is wrong: see the lines with FAIL"});
}

int show_version(const Context& context, const std::string& format) {
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const std::string address = to_string(client->address());
  if (format == "text") context.console.out << concat("client   ", context.program.version, "\n") << std::flush;
  const auto version = client->call("GET", "/version");
  if (!version) return context.report(version.error());
  if (format != "text") {
    json::value both = {{"client", {{"version", context.program.version}}}, {"service", *version}};
    both.at("service").as_object()["address"] = address;
    return print_list(context, json::array{std::move(both)}, {.format = format, .filters = {}}, {});
  }
  context.console.out << concat("service  ", field_text(*version, "version"), " (API ",
                                field_text(*version, "api_version"), ") at ", address, "\n");
  return done;
}

void print_info(std::ostream& out, const json::value& info) {
  const auto line = [&](std::string_view title, std::string_view path) {
    out << concat(title, field_text(info, path), "\n");
  };
  line("Manager:        ", "manager_id");
  line("Version:        ", "version");
  line("Policies:       ", "policies");
  line("Injectors:      ", "injectors");
  line("Active faults:  ", "active_faults");
  line("Halted:         ", "halt.halted");
  if (!field_text(info, "message").empty()) line("Trouble:        ", "message");
  const auto* endpoints = find_field(info, "endpoints");
  if (endpoints == nullptr || !endpoints->is_array()) return;
  for (const auto& each : endpoints->get_array()) {
    const bool up = field_text(each, "up") == "true";
    const std::string message = field_text(each, "message");
    out << concat("Endpoint:       ", field_text(each, "endpoint"), up ? " (up" : " (down", message.empty() ? "" : ": ",
                  message, ")\n");
  }
}

}  // namespace

void add_system_commands(Commands& commands) {
  const auto mend = std::make_shared<bool>(false);
  CLI::App& doctor =
      commands.add("doctor", "say what this host, the service and its engines can do, and what is missing",
                   "entropy doctor", [mend](const Context& context) { return run_doctor(context, *mend); });
  doctor.add_flag("--fix", *mend,
                  "first remove what services that are no more have left on the engines, once the dead one's lease is "
                  "over; needs a running service (a new one will do)");
  const auto add_text_format = [](CLI::App& command, std::string& format) {
    command.add_option("-f,--format", format, "text, json or a template such as '{{json .}}'")->type_name("FORMAT");
  };
  const auto version_format = std::make_shared<std::string>("text");
  add_text_format(
      commands.add("version", "show the versions of client and service", "entropy version",
                   [version_format](const Context& context) { return show_version(context, *version_format); }),
      *version_format);
  const auto format = std::make_shared<std::string>("text");
  CLI::App& info =
      commands.add("info", "show the service at a glance", "entropy info", [format](const Context& context) {
        return context.call("GET", "/info", nullptr, [&](const json::value& answer) {
          if (*format != "text")
            return print_list(context, json::array{answer}, {.format = *format, .filters = {}}, {});
          print_info(context.console.out, answer);
          return done;
        });
      });
  add_text_format(info, *format);
}

}  // namespace entropy::cli
