#include "docker/encode.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"
#include "base/url.hpp"

namespace entropy::docker {

namespace json = boost::json;

std::string container_target(std::string_view id, std::string_view rest) {
  return concat("/containers/", percent_encode(id), rest);
}

std::string with_query(std::string path, std::initializer_list<std::pair<std::string_view, std::string>> query) {
  char separator = '?';
  for (const auto& [key, value] : query) {
    path += concat(separator, key, "=", percent_encode(value));
    separator = '&';
  }
  return path;
}

std::string label_filters(const std::vector<std::string>& labels) {
  if (labels.empty()) return {};
  return json::serialize(json::object{{"label", json::value_from(labels)}});
}

std::string pull_target(std::string_view reference) {
  std::string_view tag = "latest";
  const auto digest = reference.find('@');
  // A colon before the last slash is that of a registry's port.
  const auto slash = reference.rfind('/');
  const auto colon = reference.find(':', slash == std::string_view::npos ? 0 : slash);
  const auto end = digest != std::string_view::npos ? digest : colon;
  if (end != std::string_view::npos) {
    tag = reference.substr(end + 1);
    reference = reference.substr(0, end);
  }
  return with_query("/images/create", {{"fromImage", std::string(reference)}, {"tag", std::string(tag)}});
}

namespace {

json::object host_config(const ContainerSpec& spec) {
  json::object host;
  if (!spec.network_mode.empty()) host["NetworkMode"] = spec.network_mode;
  if (!spec.cap_drop.empty()) host["CapDrop"] = json::value_from(spec.cap_drop);
  if (!spec.cap_add.empty()) host["CapAdd"] = json::value_from(spec.cap_add);
  if (!spec.security_options.empty()) host["SecurityOpt"] = json::value_from(spec.security_options);
  if (spec.read_only_root) host["ReadonlyRootfs"] = true;
  if (!spec.tmpfs.empty()) host["Tmpfs"] = json::value_from(spec.tmpfs);
  if (spec.auto_remove) host["AutoRemove"] = true;
  if (spec.memory_bytes != 0) host["Memory"] = spec.memory_bytes;
  if (spec.pids_limit != 0) host["PidsLimit"] = spec.pids_limit;
  if (!spec.log_options.empty()) {
    host["LogConfig"] = json::object{{"Type", "json-file"}, {"Config", json::value_from(spec.log_options)}};
  }
  return host;
}

}  // namespace

std::string encode(const ContainerSpec& spec) {
  json::object body{{"Image", spec.image}};
  if (!spec.command.empty()) body["Cmd"] = json::value_from(spec.command);
  if (!spec.environment.empty()) body["Env"] = json::value_from(spec.environment);
  if (!spec.labels.empty()) body["Labels"] = json::value_from(spec.labels);
  if (!spec.stop_signal.empty()) body["StopSignal"] = spec.stop_signal;
  // Not StdinOnce: the input stays open when the one who is attached goes, and takes the next one.
  if (spec.open_stdin) body["OpenStdin"] = true;
  body["HostConfig"] = host_config(spec);
  return json::serialize(body);
}

std::string encode(const Limits& limits) {
  json::object body;
  const auto put = [&](std::string_view key, std::int64_t value) {
    if (value != 0) body[key] = value;
  };
  put("NanoCpus", limits.nano_cpus);
  put("CpuPeriod", limits.cpu_period);
  put("CpuQuota", limits.cpu_quota);
  put("Memory", limits.memory);
  put("MemorySwap", limits.memory_swap);
  if (limits.pids) body["PidsLimit"] = *limits.pids;
  return json::serialize(body);
}

}  // namespace entropy::docker
