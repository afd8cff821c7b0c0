// events, faults, logs.
#include <algorithm>
#include <ostream>

#include "base/text.hpp"
#include "base/url.hpp"
#include "cli/fields.hpp"
#include "cli/listing.hpp"
#include "cli/timeline_command.hpp"
#include "failure/container.hpp"
#include "policy/policy_json.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// Only what is given goes into the query.
std::string query_of(const Query& all) {
  Query given;
  for (const auto& [key, value] : all) {
    if (!value.empty()) given.emplace_back(key, value);
  }
  return print_query(given);
}

// "2026-11-22T10:00:00Z fault.started policy=demo target=web window=3"
std::string event_line(const json::object& event) {
  std::string line = concat(field_text(event, "time"), " ", field_text(event, "type"));
  for (const std::string_view key : {"policy", "target", "endpoint"}) {
    if (event.contains(key)) append(line, concat(" ", key, "=", field_text(event, key)));
  }
  const auto* data = event.if_contains("data");
  if (data != nullptr && data->is_object()) {
    for (const auto& [key, value] : data->get_object()) {
      append(line, concat(" ", std::string_view(key), "=",
                          value.is_object() ? policy::print_json(value) : field_text(&value)));
    }
  }
  return line;
}

const std::vector<std::string> event_filters = {"type", "policy", "target", "endpoint"};

// A wrong one is known before an event comes.
Result<> check_filters(const std::vector<std::string>& filters) {
  for (const std::string_view filter : filters) {
    const std::string_view key = filter.substr(0, filter.find('='));
    if (key.size() == filter.size())
      return fail(ErrorCode::invalid, concat("the filter ", quoted(filter), " is not KEY=VALUE"));
    if (std::ranges::find(event_filters, key) == event_filters.end())
      return fail(ErrorCode::invalid,
                  concat("events are not filtered by ", quoted(key), did_you_mean(key, event_filters)));
  }
  return {};
}

// An event need not have every field that a filter may name.
Result<bool> event_passes(json::object event, const std::vector<std::string>& filters) {
  for (const auto& key : event_filters) event.emplace(key, "");
  return passes_filters(event, filters);
}

struct EventOptions {
  std::string since;
  std::string format = "text";
  std::vector<std::string> filters;
};

Result<> print_event(const Context& context, std::string_view line, const EventOptions& options) {
  const auto event = policy::parse_json(line);
  if (!event || !event->is_object())
    return fail(ErrorCode::protocol, concat("not an event: ", quoted(line.substr(0, 80))));
  if (field_text(*event, "type") == "reset") {
    context.console.err << concat("entropy: events were lost: ", field_text(*event, "data.message"), "\n");
    return {};
  }
  const auto passes = event_passes(event->get_object(), options.filters);
  if (!passes) return fail(passes.error());
  if (!*passes) return {};
  auto text = options.format == "json"   ? Result<std::string>(line)
              : options.format == "text" ? event_line(event->get_object())
                                         : expand_template(options.format, *event);
  if (!text) return fail(text.error());
  context.console.out << *text << "\n" << std::flush;
  return {};
}

int watch_events(const Context& context, const EventOptions& options) {
  const auto format = check_format(options.format, {"text", "json"});
  if (!format) return context.usage(format.error().message);
  const auto filters = check_filters(options.filters);
  if (!filters) return context.usage(filters.error().message);
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  std::string pending;
  Result<> printed;
  const auto on_bytes = [&](std::string_view bytes) {
    pending += bytes;
    for (auto end = pending.find('\n'); printed && end != std::string::npos; end = pending.find('\n')) {
      if (end != 0) printed = print_event(context, std::string_view(pending).substr(0, end), options);
      pending.erase(0, end + 1);
    }
    return printed.has_value() && context.console.out.good();
  };
  const auto ended =
      client->stream(concat("/events", query_of({{"since", options.since}})), "application/jsonl", on_bytes);
  if (!printed) return context.refuse(printed.error());
  if (!ended) return context.report(ended.error());
  if (!context.console.out.good()) return done;
  return context.report({ErrorCode::unavailable, "the service has ended the stream of events"});
}

void add_events(Commands& commands) {
  const auto options = std::make_shared<EventOptions>();
  CLI::App& command =
      commands.add("events", "show what happens, as it happens", "entropy events --since 10m --filter 'type=fault.*'",
                   [options](const Context& context) { return watch_events(context, *options); });
  command.add_option("--since", options->since, "begin with what happened then: 10m, or 2026-11-22T10:00:00Z")
      ->type_name("TIME");
  add_list_option(command, "-f,--filter", options->filters, "type=, policy=, target= or endpoint=, a glob (repeatable)",
                  "K=V");
  command.add_option("--format", options->format, "text, json (one object a line) or a template")->type_name("FORMAT");
}

struct FaultOptions {
  ListOptions list;
  std::string policy;
  std::string target;
  std::string since;
  std::string until;
  std::string limit;
  std::string forecast;
  bool timeline = false;
};

std::string milliseconds(const std::string& duration) {
  const auto parsed = parse_duration(duration);
  if (!parsed) return duration;
  const auto tenths = (parsed->count() + 50) / 100;
  return concat(tenths / 10, ".", tenths % 10, "ms");
}

// "asked delay 100ms, TCP saw 101.8ms (0.2ms before), 2 of 30 segments resent, 1893 of 20011 packets dropped"
std::string measured_text(const json::value& fault) {
  const auto text = [&](std::string_view path) { return field_text(fault, path); };
  std::vector<std::string> parts;
  if (const auto asked = text("measured.asked"); !asked.empty()) parts.push_back(concat("asked ", asked));
  if (const auto rtt = text("measured.rtt"); !rtt.empty()) {
    const auto before = text("measured.rtt_before");
    const auto compared = before.empty() ? "" : concat(" (", milliseconds(before), " before)");
    parts.push_back(concat("TCP saw ", milliseconds(rtt), compared));
  }
  if (const auto down = text("measured.down"); !down.empty()) parts.push_back(concat("down for ", down));
  if (const auto well = text("measured.well_after"); !well.empty()) parts.push_back(concat("healthy after ", well));
  const auto share = [&](std::string_view some, std::string_view all, std::string_view what) {
    if (const auto count = text(some); !count.empty() && count != "0") {
      parts.push_back(concat(count, " of ", text(all), what));
    }
  };
  share("measured.retransmitted", "measured.segments", " segments resent");
  const bool look_ups = text("failure") == "dns";
  share("measured.dropped", "packets", look_ups ? " answers withheld" : " packets dropped");
  share("measured.altered", "packets", " answers altered");
  const bool of_packets = !failure::is_of_container(text("failure"));
  if (of_packets && text("outcome") == "active" && text("packets") == "0") parts.emplace_back("touched nothing so far");
  return join(parts, ", ");
}

Layout history_layout() {
  return {
      {{"POLICY"},
       {"TARGET", true},
       {"FAILURE"},
       {"WINDOW"},
       {"PLANNED"},
       {"STARTED"},
       {"ENDED"},
       {"OUTCOME"},
       {"PACKETS"},
       {"MEASURED", true, true},
       {"MESSAGE", true, true}},
      [](const json::value& fault) {
        const auto text = [&](std::string_view path) { return field_text(fault, path); };
        return Row{text("policy"),        text("target"),       text("failure"), text("window"),
                   text("planned_start"), text("started"),      text("ended"),   text("outcome"),
                   text("packets"),       measured_text(fault), text("message")};
      },
      [](const json::value& fault) { return concat(field_text(fault, "policy"), " ", field_text(fault, "window")); }};
}

Layout forecast_layout() {
  return {{{"POLICY"}, {"TARGET", true}, {"ENDPOINT", true}, {"WINDOW"}, {"BEGINS"}, {"ENDS"}},
          [](const json::value& row) {
            const auto text = [&](std::string_view path) { return field_text(row, path); };
            return Row{text("policy"), text("target"),        text("endpoint"),
                       text("window"), text("planned_start"), text("planned_end")};
          },
          history_layout().quiet};
}

// The service does not know filters: it is asked for older faults until enough have passed them.
int show_history(const Context& context, const FaultOptions& options) {
  constexpr std::size_t by_default = 100;
  constexpr std::size_t most_seen = 10'000;
  const auto client = context.client();
  if (!client) return context.usage(client.error().message);
  const Layout layout = history_layout();
  const std::size_t wanted = parse_unsigned(options.limit).value_or(by_default);  // the service refuses a wrong one
  json::array found;
  std::size_t seen = 0;
  std::string limit = options.limit;
  std::string cursor;
  do {
    const Query query = {{"policy", options.policy}, {"target", options.target}, {"since", options.since},
                         {"until", options.until},   {"limit", limit},           {"cursor", cursor}};
    const auto page = client->call("GET", concat("/v1/faults", query_of(query)));
    if (!page) return context.report(page.error());
    const auto* items = find_field(*page, "items");
    const auto passed = passing(items == nullptr ? json::value() : *items, options.list.filters, layout);
    if (!passed) return context.refuse(passed.error());
    for (const auto& fault : *passed) {
      if (found.size() < wanted) found.push_back(fault);
    }
    seen += items->get_array().size();
    limit = "1000";
    cursor = field_text(*page, "next");
  } while (found.size() < wanted && seen < most_seen && !cursor.empty());
  if (found.size() < wanted && !cursor.empty()) {
    context.console.err << concat("entropy: only the newest ", seen, " faults were looked through: ",
                                  "--policy, --target, --since and --until lead to older ones\n");
  }
  return print_list(context, found, options.list, layout);
}

int show_faults(const Context& context, const FaultOptions& options) {
  if (options.timeline) {
    if (!options.until.empty() || !options.limit.empty())
      return context.usage("--timeline is bounded by --since and --forecast alone");
    return show_timeline(context, {options.policy, options.target, options.since, options.forecast});
  }
  if (!options.forecast.empty() && !(options.target + options.since + options.until + options.limit).empty())
    return context.usage("--forecast is of what will be: --target, --since, --until and --limit are of what was");
  if (!options.forecast.empty()) {
    const Query query = {{"policy", options.policy}, {"until", options.forecast}};
    return context.call("GET", concat("/v1/forecast", query_of(query)), nullptr, [&](const json::value& rows) {
      return print_list(context, rows, options.list, forecast_layout());
    });
  }
  return show_history(context, options);
}

void add_faults(Commands& commands) {
  const auto options = std::make_shared<FaultOptions>();
  CLI::App& command = commands.add("faults", "show what went wrong on purpose, or what will",
                                   "entropy faults --timeline --since 10m --forecast 10m",
                                   [options](const Context& context) { return show_faults(context, *options); });
  add_list_options(command, options->list);
  command.add_option("--policy", options->policy, "only of this policy")->type_name("NAME");
  command.add_option("--target", options->target, "only on this container")->type_name("NAME");
  command.add_option("--since", options->since, "not before: 10m, or 2026-11-22T10:00:00Z")->type_name("TIME");
  command.add_option("--until", options->until, "not after")->type_name("TIME");
  command.add_option("-n,--limit", options->limit, "at most so many, the newest (100)")->type_name("N");
  command.add_option("--forecast", options->forecast, "instead of the history, the windows to come")
      ->type_name("DURATION");
  command.add_flag("--timeline", options->timeline,
                   "draw history and forecast as a line for each policy and container (5m each; --since, --forecast)");
}

void add_logs(Commands& commands) {
  struct Given {
    std::string injector;
    std::string tail;
    bool follow = false;
  };
  const auto given = std::make_shared<Given>();
  CLI::App& command = commands.add(
      "logs", "show an injector's own log", "entropy logs -f entropy-web", [given](const Context& context) {
        const auto client = context.client();
        if (!client) return context.usage(client.error().message);
        const std::string query = query_of({{"follow", given->follow ? "1" : ""}, {"tail", given->tail}});
        const auto print = [&](std::string_view bytes) { return (context.console.out << bytes << std::flush).good(); };
        const auto read = client->stream(concat("/v1/injectors/", percent_encode(given->injector), "/logs", query),
                                         "text/plain", print);
        return read ? done : context.report(read.error());
      });
  command.add_option("INJECTOR", given->injector, "its name or id")->required();
  command.add_flag("-f,--follow", given->follow, "go on as it grows");
  command.add_option("-n,--tail", given->tail, "only the last so many lines")->type_name("N");
}

}  // namespace

void add_watch_commands(Commands& commands) {
  add_events(commands);
  add_faults(commands);
  add_logs(commands);
}

}  // namespace entropy::cli
