#include "policy/document.hpp"

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace entropy::policy {

Place Document::place_of(std::string_view path) const {
  while (true) {
    if (const auto found = places.find(path); found != places.end()) return found->second;
    const auto dot = path.rfind('.');
    if (dot == std::string_view::npos) return {};
    path = path.substr(0, dot);
  }
}

void sort_by_place(std::vector<Problem>& problems) {
  std::ranges::sort(problems, {}, [](const Problem& each) { return std::tie(each.place, each.message); });
}

Place place_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line_begin = before.rfind('\n');
  return {static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1,
          offset - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1};
}

std::optional<Problem> bad_bytes(std::string_view text) {
  if (text.size() > longest_text) return Problem{{}, "is longer than 1 MiB"};
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
      return Problem{place_at(text, i), "a control character (is it a text file?)"};
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return Problem{place_at(text, i), "a byte that is not UTF-8 (is it a text file?)"};
    i += length;
  }
  return std::nullopt;
}

void DocumentBuilder::key(const std::string& key, Place place) {
  Level& level = open_.back();
  level.key = key;
  const auto known = document().places.find(child_path(level));
  level.repeated = level.value.get_object().contains(key);
  if (!level.repeated) {
    document().places.emplace(child_path(level), place);
    return;
  }
  const std::string before = known == document().places.end() ? "" : concat(", first in line ", known->second.line);
  refuse(place, concat("the key ", entropy::quoted(key.substr(0, 80)), " is given twice", before));
}

std::string DocumentBuilder::child_path(const Level& level) {
  const std::string name = level.value.is_object() ? level.key.value_or("") : concat(level.value.get_array().size());
  return level.path.empty() ? name : concat(level.path, ".", name);
}

void DocumentBuilder::value(boost::json::value value, Place place) {
  if (open_.empty()) {
    document().value = std::move(value);
    return;
  }
  Level& level = open_.back();
  if (auto* array = level.value.if_array()) {
    document().places.emplace(child_path(level), place);
    array->push_back(std::move(value));
    return;
  }
  if (!level.repeated) level.value.get_object()[*level.key] = std::move(value);
  level.key.reset();
}

bool DocumentBuilder::open(boost::json::value empty, Place place) {
  if (open_.size() == deepest) {
    refuse(place, concat("more than ", deepest, " levels"));
    return false;
  }
  std::string path = open_.empty() ? "" : child_path(open_.back());
  open_.push_back({std::move(empty), std::move(path), place, std::nullopt});
  return true;
}

void DocumentBuilder::close() {
  Level level = std::move(open_.back());
  open_.pop_back();
  value(std::move(level.value), level.place);
}

}  // namespace entropy::policy
