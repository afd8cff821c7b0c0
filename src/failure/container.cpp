#include "failure/container.hpp"

#include <array>
#include <charconv>

#include "failure/reading.hpp"

namespace entropy::failure {
namespace {

constexpr auto optional = Presence::optional;
constexpr auto required = Presence::required;

// signal(7), by their numbers on most architectures. SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU are left out on purpose.
struct KnownSignal {
  std::string_view name;
  int number;
};
constexpr std::array signals = {KnownSignal{"HUP", 1},   KnownSignal{"INT", 2},   KnownSignal{"QUIT", 3},
                                KnownSignal{"ILL", 4},   KnownSignal{"TRAP", 5},  KnownSignal{"ABRT", 6},
                                KnownSignal{"BUS", 7},   KnownSignal{"FPE", 8},   KnownSignal{"KILL", 9},
                                KnownSignal{"USR1", 10}, KnownSignal{"SEGV", 11}, KnownSignal{"USR2", 12},
                                KnownSignal{"PIPE", 13}, KnownSignal{"ALRM", 14}, KnownSignal{"TERM", 15},
                                KnownSignal{"CONT", 18}, KnownSignal{"WINCH", 28}};

Result<> check_grace(Duration grace) {
  constexpr Duration longest = std::chrono::minutes(10);
  if (grace > longest) return fail(ErrorCode::invalid, "grace is at most 10m");
  return {};
}

struct ContainerKind {
  Kind kind;
  Result<ContainerFailure> (*parse)(const Params& params);
};

template <class F>
ContainerKind container_kind(std::string description) {
  return {make_kind<F>({}, std::move(description)), &parse_as<ContainerFailure, F>};
}

const std::vector<ContainerKind>& container_kinds() {
  static const std::vector<ContainerKind> table = {
      container_kind<Kill>("the container's first process gets a signal; its restart policy holds"),
      container_kind<Stop>("the container is stopped, and started again at the window's end"),
      container_kind<Restart>("the container is restarted"),
      container_kind<Pause>("the container's processes are frozen until the window's end"),
      container_kind<Remove>("the container is removed for good; nothing brings it back but who made it"),
      container_kind<CpuLimit>("the container gets less CPU time"),
      container_kind<MemoryLimit>("the container gets less memory"),
      container_kind<PidsLimit>("the container can't make more processes and threads"),
  };
  return table;
}

}  // namespace

Result<SignalName> Value<SignalName>::read(std::string_view text) {
  std::string name;
  for (const char c : trim(text)) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& known : signals) {
    if (known.name == name || concat(known.number) == name) return SignalName{concat("SIG", known.name)};
  }
  if (name == "STOP" || name == "TSTP" || name == "19" || name == "20") {
    return fail(ErrorCode::invalid, concat("SIG", name, " would leave it stopped for ever: use the failure pause"));
  }
  std::vector<std::string> names;
  names.reserve(std::size(signals));
  for (const auto& known : signals) names.push_back(concat("SIG", known.name));
  return fail(ErrorCode::invalid,
              concat(quoted(text.substr(0, 40)), " is no signal", did_you_mean(concat("SIG", name), names)));
}

Result<Cpus> Value<Cpus>::read(std::string_view text) {
  Cpus cpus;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), cpus.number, std::chars_format::fixed);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return fail(ErrorCode::invalid, concat(quoted(text.substr(0, 40)), " is no number of CPUs, as in 0.2"));
  }
  return cpus;
}

Result<bool> Value<bool>::read(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(ErrorCode::invalid, concat(quoted(text.substr(0, 40)), " is neither true nor false"));
}

const std::vector<Field<Kill>>& Kill::fields() {
  static const std::vector<Field<Kill>> table = {
      field<&Kill::signal>("signal", optional, "which, as SIGKILL, TERM or 1"),
  };
  return table;
}

const std::vector<Field<Stop>>& Stop::fields() {
  static const std::vector<Field<Stop>> table = {
      field<&Stop::grace>("grace", optional, "from its stop signal to SIGKILL"),
  };
  return table;
}
Result<> Stop::check() const { return check_grace(grace); }

const std::vector<Field<Restart>>& Restart::fields() {
  static const std::vector<Field<Restart>> table = {
      field<&Restart::grace>("grace", optional, "from its stop signal to SIGKILL"),
  };
  return table;
}
Result<> Restart::check() const { return check_grace(grace); }

const std::vector<Field<Pause>>& Pause::fields() {
  static const std::vector<Field<Pause>> table;
  return table;
}

const std::vector<Field<Remove>>& Remove::fields() {
  static const std::vector<Field<Remove>> table = {
      field<&Remove::force>("force", required, "true: what the container has written is gone for good"),
      field<&Remove::volumes>("volumes", optional, "its anonymous volumes, too"),
  };
  return table;
}
Result<> Remove::check() const {
  if (force) return {};
  return fail(ErrorCode::invalid,
              "remove can't be undone: what the container has written is gone for good; say force=true if you mean it");
}

const std::vector<Field<CpuLimit>>& CpuLimit::fields() {
  static const std::vector<Field<CpuLimit>> table = {
      field<&CpuLimit::limit>("limit", required, "how many CPUs' time it gets, as 0.2"),
  };
  return table;
}
Result<> CpuLimit::check() const {
  if (limit.number >= 0.01 && limit.number <= 1024) return {};
  return fail(ErrorCode::invalid, "the limit is at least 0.01 and at most 1024 CPUs; for no time at all use pause");
}

const std::vector<Field<MemoryLimit>>& MemoryLimit::fields() {
  static const std::vector<Field<MemoryLimit>> table = {
      field<&MemoryLimit::limit>("limit", required, "how much memory it gets, as 64MiB"),
      field<&MemoryLimit::force>("force", optional, "even if that is less than it uses, so that it may be killed"),
  };
  return table;
}
Result<> MemoryLimit::check() const {
  constexpr Size least{6 << 20};  // Docker's own
  if (limit >= least && limit.bytes <= std::uint64_t{1} << 50) return {};
  return fail(ErrorCode::invalid, "the limit is at least 6MiB, for engines take no less");
}

const std::vector<Field<PidsLimit>>& PidsLimit::fields() {
  static const std::vector<Field<PidsLimit>> table = {
      field<&PidsLimit::limit>("limit", required,
                               "how many processes and threads there may be; those that are there stay"),
  };
  return table;
}
Result<> PidsLimit::check() const {
  if (limit > 0) return {};
  return fail(ErrorCode::invalid, "the limit is at least 1: 0 means no limit to an engine");
}

const std::vector<Kind>& every_kind() {
  static const std::vector<Kind> table = [] {
    std::vector<Kind> all = catalogue();
    for (const auto& each : container_kinds()) all.push_back(each.kind);
    return all;
  }();
  return table;
}

Result<const Kind*> find_any_kind(std::string_view name) { return find_among(every_kind(), name); }

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  for (const auto word : split(list, ',')) {
    const auto kind = find_any_kind(trim(word));
    if (!trim(word).empty()) names.emplace_back(kind ? std::string_view((*kind)->name) : trim(word));
  }
  return names;
}

bool is_of_container(std::string_view name) {
  return std::ranges::any_of(container_kinds(), [&](const auto& each) { return is_called(each.kind, name); });
}

Result<ContainerFailure> parse_container(std::string_view name, const Params& params) {
  for (const auto& each : container_kinds()) {
    if (is_called(each.kind, name)) return each.parse(params);
  }
  return fail(find_any_kind(name).error());
}

std::string_view name_of(const ContainerFailure& failure) {
  return std::visit([]<class F>(const F&) { return F::name; }, failure);
}

Params print(const ContainerFailure& failure) {
  return std::visit([](const auto& value) { return print_params(value); }, failure);
}

std::string to_string(const ContainerFailure& failure) { return words_of(name_of(failure), print(failure)); }

bool is_instant(const ContainerFailure& failure) {
  return std::holds_alternative<Kill>(failure) || std::holds_alternative<Restart>(failure) ||
         std::holds_alternative<Remove>(failure);
}

bool takes_down(const ContainerFailure& failure) {
  return is_instant(failure) || std::holds_alternative<Stop>(failure) || std::holds_alternative<Pause>(failure);
}

}  // namespace entropy::failure
