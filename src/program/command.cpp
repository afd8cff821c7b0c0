#include "program/command.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "failure/catalogue.hpp"

namespace entropy::program {
namespace {

using policy::Schedule;

constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-/:@+,").find(c) != std::string_view::npos;
}

std::string escape(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (is_plain(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15];
    }
  }
  return out;
}

std::unexpected<Error> bad_line(std::string_view why) {
  return fail(ErrorCode::protocol, concat("not a command: ", why));
}

Result<std::string> unescape(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    if (value.front() != '%') {
      out += value.front();
      value.remove_prefix(1);
      continue;
    }
    const auto high = value.size() > 2 ? hex_digits.find(value[1]) : std::string_view::npos;
    const auto low = value.size() > 2 ? hex_digits.find(value[2]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) return bad_line("a % without two hex digits");
    out += static_cast<char>(high << 4 | low);
    value.remove_prefix(3);
  }
  return out;
}

void put(std::string& out, std::string_view key, std::string_view value) {
  append(out, concat(" ", key, "=", escape(value)));
}

std::string encode_entry(const Entry& entry) {
  const Schedule& schedule = entry.schedule;
  std::string out = ";policy";
  put(out, "name", entry.policy);
  put(out, "target", entry.target);
  put(out, "epoch", concat(schedule.epoch.time_since_epoch().count()));
  put(out, "delay", to_string(schedule.delay));
  if (schedule.frequency) put(out, "frequency", to_string(*schedule.frequency));
  if (schedule.duration) put(out, "duration", to_string(*schedule.duration));
  if (schedule.ttl) put(out, "ttl", to_string(*schedule.ttl));
  if (schedule.windows) put(out, "windows", concat(*schedule.windows));
  put(out, "probability", to_string(schedule.probability));
  put(out, "seed", concat(schedule.seed));
  if (entry.picked) {
    std::vector<std::string> windows;
    for (const auto window : *entry.picked) windows.push_back(concat(window));
    put(out, "picked", join(windows, ","));
  }
  for (const auto& each : entry.failures) {
    append(out, concat(";failure ", failure::name_of(each)));
    for (const auto& [key, value] : failure::print(each)) put(out, key, value);
  }
  for (const auto& [name, addresses] : entry.resolved) {
    out += ";peer";
    put(out, "name", name);
    for (const auto& address : addresses) put(out, "at", to_string(address));
  }
  return out;
}

std::string encode_one(const Program& program) {
  std::string out = concat("program ", program.revision);
  for (const auto& entry : program.entries) out += encode_entry(entry);
  return out;
}
std::string encode_one(const Lease& lease) { return concat("lease ", to_string(lease.duration)); }
std::string encode_one(const Pause&) { return "pause"; }
std::string encode_one(const Unpause&) { return "unpause"; }
std::string encode_one(const Stop&) { return "stop"; }

// "key=value" words of a record, unescaped.
Result<failure::Params> decode_words(const std::vector<std::string_view>& words, std::size_t first) {
  failure::Params params;
  for (std::size_t i = first; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string_view::npos) return bad_line("a word without =");
    auto value = unescape(words[i].substr(equals + 1));
    if (!value) return fail(value.error());
    params.emplace_back(words[i].substr(0, equals), std::move(*value));
  }
  return params;
}

template <class T, class Destination>
Result<> store(Result<T> value, Destination& destination) {
  if (!value) return fail(value.error());
  destination = std::move(*value);
  return {};
}

Result<Time> parse_epoch(std::string_view text) {
  const auto count = parse_unsigned(text);
  if (!count || *count > static_cast<std::uint64_t>(INT64_MAX / 4)) return bad_line("the epoch is not a time");
  return Time(Duration(static_cast<std::int64_t>(*count)));
}

Result<std::vector<std::uint64_t>> parse_windows(std::string_view text) {
  std::vector<std::uint64_t> windows;
  if (text.empty()) return windows;
  for (const auto word : split(text, ',')) {
    const auto window = parse_unsigned(word);
    if (!window) return fail(window.error());
    windows.push_back(*window);
  }
  return windows;
}

Result<> set_policy_word(Entry& entry, std::string_view key, std::string_view value) {
  Schedule& schedule = entry.schedule;
  if (key == "name") return store(Result<std::string>(value), entry.policy);
  if (key == "target") return store(Result<std::string>(value), entry.target);
  if (key == "epoch") return store(parse_epoch(value), schedule.epoch);
  if (key == "delay") return store(parse_duration(value), schedule.delay);
  if (key == "frequency") return store(parse_duration(value), schedule.frequency);
  if (key == "duration") return store(parse_duration(value), schedule.duration);
  if (key == "ttl") return store(parse_duration(value), schedule.ttl);
  if (key == "windows") return store(parse_unsigned(value), schedule.windows);
  if (key == "probability") return store(parse_probability(value), schedule.probability);
  if (key == "seed") return store(parse_unsigned(value), schedule.seed);
  if (key == "picked") return store(parse_windows(value), entry.picked);
  return bad_line(concat("unknown word ", quoted(key)));
}

Result<Entry> decode_entry(const std::vector<std::string_view>& words) {
  const auto params = decode_words(words, 1);
  if (!params) return fail(params.error());
  Entry entry;
  for (const auto& [key, value] : *params) {
    const auto set = set_policy_word(entry, key, value);
    if (!set) return fail(set.error());
  }
  if (entry.schedule.frequency && *entry.schedule.frequency <= Duration::zero()) return bad_line("a frequency of 0");
  return entry;
}

Result<> decode_peer(Entry& entry, const std::vector<std::string_view>& words) {
  const auto params = decode_words(words, 1);
  if (!params) return fail(params.error());
  if (params->empty() || params->front().first != "name") return bad_line("a peer without its name");
  auto& addresses = entry.resolved[params->front().second];
  for (std::size_t i = 1; i < params->size(); ++i) {
    const auto& [key, value] = (*params)[i];
    const auto address = parse_prefix(value);
    if (key != "at" || !address) return bad_line(concat("a peer at ", quoted(value)));
    addresses.push_back(*address);
  }
  return {};
}

Result<> decode_record(Program& program, std::string_view record) {
  const auto words = split(record, ' ');
  if (words.front() == "policy") {
    auto entry = decode_entry(words);
    if (!entry) return fail(entry.error());
    program.entries.push_back(std::move(*entry));
    return {};
  }
  if (words.front() == "peer" && !program.entries.empty()) return decode_peer(program.entries.back(), words);
  if (words.front() != "failure" || words.size() < 2 || program.entries.empty()) {
    return bad_line("a record is neither a policy nor its failure");
  }
  const auto params = decode_words(words, 2);
  if (!params) return fail(params.error());
  auto parsed = failure::parse(words[1], *params);
  if (!parsed) return fail(parsed.error());
  program.entries.back().failures.push_back(std::move(*parsed));
  return {};
}

Result<Command> decode_program(std::string_view text) {
  const auto records = split(text, ';');
  const auto revision = parse_unsigned(records.front());
  if (!revision) return bad_line("a program without its revision");
  Program program{*revision, {}};
  for (std::size_t i = 1; i < records.size(); ++i) {
    const auto decoded = decode_record(program, records[i]);
    if (!decoded) return fail(decoded.error());
  }
  return program;
}

}  // namespace

std::string encode(const Command& command) {
  return std::visit([](const auto& value) { return encode_one(value); }, command);
}

Result<Command> decode(std::string_view line) {
  if (line == "pause") return Pause{};
  if (line == "unpause") return Unpause{};
  if (line == "stop") return Stop{};
  if (line.starts_with("lease ")) {
    const auto duration = parse_duration(line.substr(6));
    if (!duration) return fail(duration.error());
    return Lease{*duration};
  }
  if (line.starts_with("program ")) return decode_program(line.substr(8));
  return bad_line(quoted(line.substr(0, 80)));
}

}  // namespace entropy::program
