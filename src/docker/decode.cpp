#include "docker/decode.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "docker/json_stream.hpp"

namespace entropy::docker {

namespace json = boost::json;

namespace {

const json::object no_fields;

// The fields of an object, with their defaults. The first wrong type is kept in `error`, which the parts of an answer
// share; reading goes on with defaults, so that the decoders can be written straight down.
class Fields {
 public:
  Fields(const json::value& value, std::string path, Error& error) : path_(std::move(path)), error_(&error) {
    if (value.is_object()) {
      object_ = &value.get_object();
    } else if (!value.is_null()) {
      wrong(path_, "an object");
    }
  }

  std::string text(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return {};
    if (value->is_string()) return std::string(value->get_string());
    return wrong(key_path(key), "a string"), std::string();
  }

  std::int64_t number(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return 0;
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (!error) return number;
    return wrong(key_path(key), "a whole number"), 0;
  }

  bool boolean(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return false;
    if (value->is_bool()) return value->get_bool();
    return wrong(key_path(key), "a boolean"), false;
  }

  Fields object(std::string_view key) const {
    const json::value* value = find(key);
    static const json::value null;
    return Fields(value == nullptr ? null : *value, key_path(key), *error_);
  }

  Labels texts() const {
    Labels out;
    for (const auto& [key, value] : *object_) out[std::string(key)] = text(key);
    return out;
  }

  std::vector<std::string> list(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_array()) return wrong(key_path(key), "an array"), std::vector<std::string>();
    std::vector<std::string> out;
    for (const auto& element : value->get_array()) {
      if (!element.is_string()) return wrong(key_path(key), "an array of strings"), out;
      out.emplace_back(element.get_string());
    }
    return out;
  }

  std::vector<Fields> objects(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_array()) return wrong(key_path(key), "an array"), std::vector<Fields>();
    std::vector<Fields> out;
    for (const auto& element : value->get_array()) out.emplace_back(element, key_path(key), *error_);
    return out;
  }

  const json::object& all() const { return *object_; }

  // The same, but it must be there.
  std::string required(std::string_view key) const {
    std::string value = text(key);
    if (value.empty()) wrong(key_path(key), "there");
    return value;
  }

 private:
  const json::value* find(std::string_view key) const {
    const json::value* value = object_->if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::string key_path(std::string_view key) const {
    return path_.empty() ? std::string(key) : concat(path_, ".", key);
  }
  void wrong(std::string_view path, std::string_view expected) const {
    if (!error_->message.empty()) return;
    *error_ = Error{ErrorCode::protocol,
                    path.empty() ? concat("the engine's answer is not ", expected)
                                 : concat("in the engine's answer ", quoted(path), " is not ", expected),
                    {}};
  }

  const json::object* object_ = &no_fields;
  std::string path_;
  Error* error_;
};

template <class T>
Result<T> checked(T value, Error error) {
  if (!error.message.empty()) return fail(std::move(error));
  return value;
}

template <class T>
Result<std::vector<T>> decode_rows(const json::value& answer, T (*row_of)(const Fields& row)) {
  if (!answer.is_array()) return fail(ErrorCode::protocol, "the engine's answer is not an array");
  Error error;
  std::vector<T> rows;
  rows.reserve(answer.get_array().size());
  for (const auto& row : answer.get_array()) rows.push_back(row_of(Fields(row, {}, error)));
  return checked(std::move(rows), std::move(error));
}

// Legacy links add names with a second slash ("/other/alias"); its own name has one only.
std::string own_name(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (name.starts_with('/') && name.find('/', 1) == std::string::npos) return name.substr(1);
  }
  return {};
}

std::vector<Network> networks(const Fields& settings) {
  std::vector<Network> out;
  const Fields by_name = settings.object("Networks");
  for (const auto& [name, value] : by_name.all()) {
    const Fields network = by_name.object(name);
    out.push_back({std::string(name), network.text("IPAddress"), network.text("GlobalIPv6Address")});
  }
  return out;
}

// The list tells it in words: "Up 3 minutes (unhealthy)", "Up 2 seconds (health: starting)".
std::string health_in(std::string_view status) {
  for (const std::string_view word : {"unhealthy", "healthy", "starting"}) {
    if (status.ends_with(concat("(", word, ")")) || status.ends_with(concat("(health: ", word, ")")))
      return std::string(word);
  }
  return {};
}

// "none" where a container has no HEALTHCHECK.
std::string health_of(const Fields& state) {
  const std::string status = state.object("Health").text("Status");
  return status == "none" ? "" : status;
}

std::string last_health_output(const Fields& state) {
  constexpr std::size_t longest = 200;
  const auto log = state.object("Health").objects("Log");
  if (log.empty()) return {};
  const std::string text = log.back().text("Output");
  std::size_t end = std::min(longest, text.size());
  while (end > 0 && end < text.size() && !begins_character(text[end])) --end;
  std::string output(trim(std::string_view(text).substr(0, end)));
  return output.empty() ? concat("exit code ", log.back().number("ExitCode")) : output;
}

Container container_of(const Fields& row) {
  Container container;
  container.id = row.required("Id");
  container.name = own_name(row.list("Names"));
  container.image = row.text("Image");
  container.state = row.text("State");
  container.health = health_in(row.text("Status"));
  container.network_mode = row.object("HostConfig").text("NetworkMode");
  container.labels = row.object("Labels").texts();
  container.networks = networks(row.object("NetworkSettings"));
  return container;
}

Limits limits_of(const Fields& host) {
  Limits limits;
  limits.nano_cpus = host.number("NanoCpus");
  limits.cpu_period = host.number("CpuPeriod");
  limits.cpu_quota = host.number("CpuQuota");
  limits.memory = host.number("Memory");
  limits.memory_swap = host.number("MemorySwap");
  if (const auto* pids = host.all().if_contains("PidsLimit"); pids != nullptr && !pids->is_null()) {
    limits.pids = host.number("PidsLimit");
  }
  return limits;
}

SwarmService service_of(const Fields& row) {
  const Fields spec = row.object("Spec");
  SwarmService service{row.required("ID"), spec.text("Name"), spec.object("Labels").texts()};
  for (const Fields& address : row.object("Endpoint").objects("VirtualIPs")) {
    if (auto text = address.text("Addr"); !text.empty()) service.virtual_ips.push_back(std::move(text));
  }
  return service;
}

SwarmNode swarm_of(const Fields& swarm) {
  SwarmNode node;
  node.state = swarm.text("LocalNodeState");
  node.manager = swarm.boolean("ControlAvailable");
  node.id = swarm.text("NodeID");
  for (const Fields& manager : swarm.objects("RemoteManagers")) node.managers.push_back(manager.text("NodeID"));
  return node;
}

Time event_time(const Fields& fields) {
  if (const std::int64_t nanoseconds = fields.number("timeNano"); nanoseconds != 0) {
    return Time(std::chrono::floor<Duration>(std::chrono::nanoseconds(nanoseconds)));
  }
  constexpr std::int64_t last_second = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  return Time(std::chrono::seconds(std::clamp<std::int64_t>(fields.number("time"), 0, last_second)));
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) return fail(ErrorCode::protocol, concat("the engine's answer is not JSON: ", error.message()));
  return value;
}

Result<std::vector<Container>> decode_containers(const json::value& answer) {
  return decode_rows(answer, container_of);
}

Result<std::vector<SwarmService>> decode_services(const json::value& answer) { return decode_rows(answer, service_of); }

Result<ContainerDetails> decode_details(const json::value& answer) {
  Error error;
  const Fields fields(answer, {}, error);
  const Fields config = fields.object("Config");
  const Fields state = fields.object("State");
  ContainerDetails details;
  details.container.id = fields.required("Id");
  details.container.name = own_name({fields.text("Name")});
  details.container.image = config.text("Image");
  details.container.state = state.text("Status");
  details.container.health = health_of(state);
  details.health_output = last_health_output(state);
  if (const auto created = parse_rfc3339(fields.text("Created"))) details.created = *created;
  details.container.network_mode = fields.object("HostConfig").text("NetworkMode");
  details.container.labels = config.object("Labels").texts();
  details.container.networks = networks(fields.object("NetworkSettings"));
  details.started_at = state.text("StartedAt");
  details.pid = static_cast<int>(state.number("Pid"));
  details.exit_code = static_cast<int>(state.number("ExitCode"));
  details.oom_killed = state.boolean("OOMKilled");
  details.finished_at = state.text("FinishedAt");
  const Fields host = fields.object("HostConfig");
  details.auto_remove = host.boolean("AutoRemove");
  details.restart.name = host.object("RestartPolicy").text("Name");
  details.restart.most = static_cast<int>(host.object("RestartPolicy").number("MaximumRetryCount"));
  details.restart_count = static_cast<int>(fields.number("RestartCount"));
  details.limits = limits_of(host);
  return checked(std::move(details), std::move(error));
}

Result<Usage> decode_usage(const json::value& answer) {
  Error error;
  const Fields fields(answer, {}, error);
  const Fields memory = fields.object("memory_stats");
  const Fields parts = memory.object("stats");
  const auto count = [](std::int64_t number) { return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0)); };
  // Of cgroup v1, and of v2.
  const std::uint64_t files = count(std::max(parts.number("total_inactive_file"), parts.number("inactive_file")));
  const std::uint64_t used = count(memory.number("usage"));
  Usage usage{used - std::min(files, used), count(fields.object("pids_stats").number("current"))};
  return checked(usage, std::move(error));
}

Result<std::string> decode_created(const json::value& answer) {
  Error error;
  std::string id = Fields(answer, {}, error).required("Id");
  return checked(std::move(id), std::move(error));
}

Result<EngineInfo> decode_info(const json::value& answer) {
  Error error;
  const Fields fields(answer, {}, error);
  EngineInfo info;
  info.name = fields.text("Name");
  info.server_version = fields.text("ServerVersion");
  info.operating_system = fields.text("OperatingSystem");
  info.kernel_version = fields.text("KernelVersion");
  info.architecture = fields.text("Architecture");
  info.cgroup_version = fields.text("CgroupVersion");
  info.swarm = swarm_of(fields.object("Swarm"));
  if (const auto clock = parse_rfc3339(fields.text("SystemTime"))) info.clock = *clock;
  return checked(std::move(info), std::move(error));
}

Result<Event> decode_event(const json::value& answer) {
  Error error;
  const Fields fields(answer, {}, error);
  const Fields actor = fields.object("Actor");
  Event event;
  event.type = fields.text("Type");
  event.action = fields.text("Action");
  event.id = actor.text("ID");
  event.attributes = actor.object("Attributes").texts();
  event.time = event_time(fields);
  return checked(std::move(event), std::move(error));
}

Result<ImageDetails> decode_image(const json::value& answer) {
  Error error;
  const Fields fields(answer, {}, error);
  ImageDetails image{fields.list("RepoTags"), fields.object("Config").object("Labels").texts()};
  return checked(std::move(image), std::move(error));
}

Result<std::vector<ImageDetails>> decode_images(const json::value& answer) {
  if (!answer.is_array()) return fail(ErrorCode::protocol, "the engine's answer is not an array");
  Error error;
  std::vector<ImageDetails> images;
  for (const auto& row : answer.get_array()) {
    const Fields fields(row, {}, error);
    images.push_back({fields.list("RepoTags"), fields.object("Labels").texts()});
  }
  return checked(std::move(images), std::move(error));
}

namespace {

Result<> decode_progress(std::string_view body, std::string_view of, std::string_view refused) {
  JsonStream stream;
  while (true) {
    auto value = stream.next(body);
    if (!value) return fail(context(concat("progress of the ", of), std::move(value.error())));
    if (!*value) break;
    Error error;
    const std::string failure = Fields(**value, {}, error).text("error");
    if (!error.message.empty()) return fail(std::move(error));
    if (!failure.empty()) return fail(ErrorCode::invalid, concat(refused, failure));
  }
  if (!stream.at_boundary()) {
    return fail(ErrorCode::protocol, concat("the progress of the ", of, " ends in the middle"));
  }
  return {};
}

}  // namespace

Result<> decode_load(std::string_view body) { return decode_progress(body, "load", "the image was refused: "); }
Result<> decode_pull(std::string_view body) { return decode_progress(body, "pull", ""); }

std::string decode_message(std::string_view body) {
  const auto value = parse_json(body);
  if (!value) return {};
  Error error;
  return Fields(*value, {}, error).text("message");
}

}  // namespace entropy::docker
