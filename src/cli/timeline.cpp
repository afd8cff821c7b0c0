#include "cli/timeline.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/table.hpp"

namespace entropy::cli {
namespace {

constexpr std::size_t narrowest = 60;
constexpr std::size_t by_default = 100;
constexpr std::size_t longest_name = 24;

std::string padded(std::string_view text, std::size_t width) {
  std::string cell = shorten(text, width);
  cell.append(width - std::min(width, display_width(cell)), ' ');
  return cell;
}

// What stands for the time from `begin` to `end`.
std::string_view mark(const Lane& lane, Time begin, Time end, Time now) {
  using Kind = Lane::Stretch::Kind;
  const auto has = [&](Kind kind) {
    return std::ranges::any_of(lane.stretches, [&](const Lane::Stretch& each) {
      return each.kind == kind && each.begin < end && each.end > begin;
    });
  };
  if (has(Kind::missed)) return "x";
  if (has(Kind::held)) return "█";
  if (has(Kind::foreseen)) return "░";
  if (!lane.schedule) return " ";
  const Time middle = begin + (end - begin) / 2;
  const bool was_there = (middle >= lane.schedule->epoch || begin >= now) && middle < lane.until;
  return was_there && policy::window_at(*lane.schedule, middle) ? "·" : " ";
}

// A round length for the text: whole seconds.
std::string length_of(Duration duration) {
  return to_string(std::chrono::duration_cast<Duration>(std::chrono::round<std::chrono::seconds>(duration)));
}

std::string axis(const TimelineRange& range, std::size_t names, std::size_t columns, std::size_t now_column) {
  const std::string past = concat("-", length_of(range.now - range.from));
  const std::string future = concat("+", length_of(range.until - range.now));
  std::string line(names, ' ');
  std::string marks(columns + 1, ' ');
  marks.replace(0, std::min(past.size(), marks.size()), past);
  if (future.size() < marks.size()) marks.replace(marks.size() - future.size(), future.size(), future);
  const std::size_t at = std::min(now_column, marks.size() - 3);
  marks.replace(at == 0 ? 0 : at - 1, 3, "now");
  return concat(line, marks, "\n");
}

}  // namespace

std::string draw_timeline(const std::vector<Lane>& lanes, const TimelineRange& range, std::size_t width) {
  std::size_t policy_width = 6;
  std::size_t target_width = 6;
  for (const auto& lane : lanes) {
    policy_width = std::min(longest_name, std::max(policy_width, display_width(lane.policy)));
    target_width = std::min(longest_name, std::max(target_width, display_width(lane.target)));
  }
  const std::size_t names = policy_width + target_width + 4;
  const std::size_t whole = std::max(narrowest, width == 0 ? by_default : width);
  const std::size_t columns = whole > names + 21 ? whole - names - 1 : 20;
  const auto step = std::max<Duration>((range.until - range.from) / static_cast<std::int64_t>(columns), Duration(1));
  const auto now_column = static_cast<std::size_t>((range.now - range.from) / step);
  std::string out = axis(range, names, columns, now_column);
  for (const auto& lane : lanes) {
    out += concat(padded(lane.policy, policy_width), "  ", padded(lane.target, target_width), "  ");
    for (std::size_t i = 0; i < columns; ++i) {
      const Time begin = range.from + step * static_cast<std::int64_t>(i);
      if (i == now_column) out += "|";
      out += mark(lane, begin, begin + step, range.now);
    }
    while (out.ends_with(' ')) out.pop_back();
    out += "\n";
  }
  return out + "█ held   x missed   · spared   ░ will hold\n";
}

}  // namespace entropy::cli
