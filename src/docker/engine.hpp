// The edge to a Docker Engine: what Entropy asks of it, and nothing of Entropy's own words.
//
// All calls are coroutines of the manager's one thread and take their parameters by value. Every call ends: with its
// answer, or with an Error once its deadline is over (ErrorCode::timeout) or the engine can't be reached
// (ErrorCode::unavailable). 404 is ErrorCode::not_found, 409 conflict, 401/403 and EACCES permission.
// Docker Engine API: https://docs.docker.com/reference/api/engine/ (1.41 to current; 1.40 and older are refused).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/container/flat_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "net/tls.hpp"

namespace entropy::docker {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<Result<T>>;

// Whether the engine may not have been asked, or did what it was asked for and could not say so.
inline bool is_in_doubt(const Error& error) {
  return error.code == ErrorCode::timeout || error.code == ErrorCode::unavailable;
}

// Among the labels of a container most have lengths of their own: comparing these first finds one without reading it.
struct ShorterFirst {
  using is_transparent = void;
  bool operator()(std::string_view one, std::string_view other) const {
    return one.size() != other.size() ? one.size() < other.size() : one < other;
  }
};
// Flat, for there are a dozen of them in each of ten thousand containers, and every plan looks some up.
using Labels = boost::container::flat_map<std::string, std::string, ShorterFirst>;

struct Network {
  std::string name;
  std::string ip;   // IPv4, empty if none
  std::string ip6;  // global IPv6, empty if none
  bool operator==(const Network&) const = default;
};

// One row of GET /containers/json.
struct Container {
  std::string id;
  std::string name;  // without the leading slash
  std::string image;
  std::string state;         // created, running, paused, restarting, removing, exited, dead
  std::string health;        // of its HEALTHCHECK: starting, healthy, unhealthy; empty: it has none
  std::string network_mode;  // default, bridge, host, none, container:<id>, or a network's name
  Labels labels;
  std::vector<Network> networks;
  bool operator==(const Container&) const = default;
};

// What begins the network mode of a container that joined the network namespace of another.
inline constexpr std::string_view container_mode = "container:";
// Whom it joined: the id, as Docker writes it, or the name that the user gave; empty: nobody.
inline std::string_view joined_container(const Container& container) {
  const std::string_view mode = container.network_mode;
  return mode.starts_with(container_mode) ? mode.substr(container_mode.size()) : std::string_view();
}

// What bounds a container, in an engine's own words. In an update 0 and none mean: as it is.
struct Limits {
  std::int64_t nano_cpus = 0;        // of a CPU's time; the engine allows either this or a quota
  std::int64_t cpu_period = 0;       // in microseconds
  std::int64_t cpu_quota = 0;        // in microseconds of each period; -1: no limit
  std::int64_t memory = 0;           // bytes
  std::int64_t memory_swap = 0;      // memory and swap; -1: no limit
  std::optional<std::int64_t> pids;  // 0 or less: no limit
  bool operator==(const Limits&) const = default;
};

struct RestartPolicy {
  std::string name;  // no, always, unless-stopped, on-failure; empty: no
  int most = 0;      // of on-failure: so many times; 0: without end
};

// The part of GET /containers/{id}/json that the list does not have.
struct ContainerDetails {
  Container container;
  std::string started_at;  // as the engine writes it; changes with every start of the container
  int pid = 0;             // in the engine's host; 0 when not running
  int exit_code = 0;
  bool oom_killed = false;
  std::string finished_at = {};    // of its latest end
  std::string health_output = {};  // what its HEALTHCHECK said last
  std::optional<Time> created = {};
  bool auto_remove = false;
  RestartPolicy restart = {};
  int restart_count = 0;
  Limits limits = {};
};

// What a container uses now, from GET /containers/{id}/stats.
struct Usage {
  std::uint64_t memory = 0;  // bytes, without the files that the kernel would give up first
  std::uint64_t pids = 0;
};

// What to create. All of it is passed on as it is; defaults are the engine's.
struct ContainerSpec {
  std::string name;
  std::string image;  // reference or id
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "KEY=value"
  Labels labels;
  std::string network_mode;
  std::vector<std::string> cap_drop;
  std::vector<std::string> cap_add;
  std::vector<std::string> security_options;
  bool read_only_root = false;
  std::map<std::string, std::string> tmpfs;  // path -> mount options, as in "size=16m"
  bool open_stdin = false;
  bool auto_remove = false;                        // the engine removes it when it has ended
  std::string stop_signal;                         // that `stop_container` sends; empty: the image's
  std::int64_t memory_bytes = 0;                   // 0: no limit
  std::int64_t pids_limit = 0;                     // 0: no limit
  std::map<std::string, std::string> log_options;  // of the json-file driver; empty: the engine's default driver
};

// An image that the engine has.
struct ImageDetails {
  std::vector<std::string> tags;  // "name:tag"; empty where it has none
  Labels labels;
};

// One row of GET /services. The containers of its tasks have its id as their label com.docker.swarm.service.id.
struct SwarmService {
  std::string id;
  std::string name;
  Labels labels;                              // of the service itself, which its containers do not show
  std::vector<std::string> virtual_ips = {};  // "10.0.1.2/24", one for each of its networks; none with DNS round robin
  bool operator==(const SwarmService&) const = default;
};

// What the engine's host is in a Swarm.
struct SwarmNode {
  std::string state;                  // inactive, pending, active, locked, error; empty: the engine knows no Swarm
  bool manager = false;               // managers alone answer about services
  std::string id;                     // empty outside of a Swarm
  std::vector<std::string> managers;  // ids of the nodes that manage this Swarm, as far as this one knows
};

struct EngineInfo {
  std::string name;  // of the host
  std::string server_version;
  std::string api_version;  // the one negotiated for our calls
  std::string operating_system;
  std::string kernel_version;
  std::string architecture;
  std::string cgroup_version;
  std::optional<Time> clock;  // of the engine's host, when it answered
  SwarmNode swarm;
};

// GET /events, the fields that matter.
struct Event {
  std::string type;    // container, network, service, node, ...; the last two come from Swarm managers alone
  std::string action;  // start, die, destroy, rename, pause, connect, ...
  std::string id;      // of the actor: for networks the container is in attributes["container"]
  Labels attributes;
  Time time;
};

// A hijacked attach stream: our lines go to the container's standard input, its output comes back.
// One owner. `read` and `write` may run at the same time, but only one of each; `close` ends both with `unavailable`.
class AttachStream {
 public:
  virtual ~AttachStream() = default;
  struct Output {
    bool is_stderr = false;
    std::string bytes;  // any cut of the stream: lines may span several reads
  };
  // The next bytes; ErrorCode::unavailable when the container or the engine closed the stream.
  virtual Task<Output> read() = 0;
  virtual Task<> write(std::string bytes) = 0;
  virtual void close() = 0;
};

// Of a log: all lines that there are.
inline constexpr std::size_t whole_log = SIZE_MAX;

class Engine {
 public:
  virtual ~Engine() = default;

  virtual Task<> ping() = 0;
  virtual Task<EngineInfo> info() = 0;

  // `labels`: only containers that have them all ("K" or "K=V"). Stopped ones too where `all`.
  virtual Task<std::vector<Container>> list_containers(bool all, std::vector<std::string> labels) = 0;
  virtual Task<ContainerDetails> inspect_container(std::string id) = 0;
  // The new container's id.
  virtual Task<std::string> create_container(ContainerSpec spec) = 0;
  virtual Task<> start_container(std::string id) = 0;
  // SIGTERM, and SIGKILL after `grace`. Stopping what is stopped succeeds.
  virtual Task<> stop_container(std::string id, Duration grace) = 0;
  virtual Task<> kill_container(std::string id, std::string signal) = 0;
  virtual Task<> restart_container(std::string id, Duration grace) = 0;
  // ErrorCode::conflict where it is paused already, or not.
  virtual Task<> pause_container(std::string id) = 0;
  virtual Task<> unpause_container(std::string id) = 0;
  virtual Task<> update_container(std::string id, Limits limits) = 0;
  virtual Task<Usage> container_usage(std::string id) = 0;
  // Kills it if it runs. ErrorCode::not_found when it is gone already; a removal under way counts as done. Volumes that
  // have no name go with it where `volumes` says so.
  virtual Task<> remove_container(std::string id, bool volumes = false) = 0;
  // Standard output and error, `tail` last lines (or `whole_log`); with `follow` until the container ends. `sink`
  // returns false to stop.
  virtual Task<> logs(std::string id, bool follow, std::size_t tail, std::function<bool(std::string_view)> sink) = 0;
  virtual Task<std::unique_ptr<AttachStream>> attach(std::string id) = 0;

  virtual Task<bool> has_image(std::string reference) = 0;
  virtual Task<ImageDetails> inspect_image(std::string reference) = 0;
  // Those with all of these labels.
  virtual Task<std::vector<ImageDetails>> list_images(std::vector<std::string> labels) = 0;
  // From its registry, without credentials; a reference without a tag means "latest".
  virtual Task<> pull_image(std::string reference) = 0;
  // A tar as of `docker save`.
  virtual Task<> load_image(std::string tar) = 0;

  // Of the whole Swarm. ErrorCode::unavailable where the engine is no manager, or its managers have no quorum.
  virtual Task<std::vector<SwarmService>> list_services() = 0;

  // Calls `on_event` for every event from now on until the stream breaks, then returns the reason. `on_open` is called
  // once the engine has accepted the subscription: what is listed after that is not missed.
  virtual Task<> events(std::function<void()> on_open, std::function<void(Event)> on_event) = 0;
};

// Where an engine is: "unix:///var/run/docker.sock", "tcp://host:2375"; with TLS "https://host:2376" (the system's
// authorities) or "tcp://host:2376?cert-path=DIR" (ca.pem, and cert.pem with key.pem to be shown, as DOCKER_CERT_PATH).
// ErrorCode::invalid names what is wrong.
struct Address {
  enum class Kind { unix_socket, tcp } kind = Kind::unix_socket;
  std::string path;  // unix_socket
  std::string host;  // tcp
  std::string port;  // tcp
  std::string text;  // as the user wrote it, without what follows a "?"
  bool tls = false;
  std::string cert_path = {};
};
Result<Address> parse_address(std::string text);

struct EngineOptions {
  Duration call_timeout = std::chrono::seconds(30);  // of every call that is not a stream, and of a stream's beginning
  Duration load_timeout = std::chrono::seconds(120);
  Duration pull_timeout = std::chrono::minutes(10);
  // Told of every request once its answer has begun: "GET /containers/{id}/json", and the answer's HTTP status or,
  // where none came, "unreachable", "timeout" or "protocol".
  std::function<void(const std::string& operation, const std::string& outcome)> on_request = {};
  net::TlsContext tls = {};  // none for a plain connection
};

// The real one. Nothing is connected before the first call; the API version is negotiated then (and again after the
// engine was away). Must outlive its calls.
std::unique_ptr<Engine> make_engine(asio::any_io_executor executor, Address address, EngineOptions options = {});

}  // namespace entropy::docker
