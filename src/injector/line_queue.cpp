#include "injector/line_queue.hpp"

#include <algorithm>
#include <iterator>

namespace entropy::injector {

void LineQueue::append(Kind kind, std::string bytes) {
  size_ += bytes.size();
  lines_.push_back({kind, std::move(bytes)});
}

void LineQueue::push_text(std::string text) { append(Kind::text, std::move(text)); }

void LineQueue::push(const program::Report& report) {
  const bool is_talk = std::holds_alternative<program::Log>(report) || std::holds_alternative<program::Alive>(report);
  const bool is_state = std::holds_alternative<program::State>(report);
  const Kind kind = is_talk ? Kind::log : is_state ? Kind::state : Kind::fault;
  append(kind, program::to_json_line(report) + '\n');
  while (size_ > limit_ && (drop_oldest(Kind::log) || drop_oldest(Kind::state) || drop_oldest(Kind::fault))) {
  }
}

// The newest line stays, and so does the last State: it alone tells the whole truth.
bool LineQueue::drop_oldest(Kind kind) {
  const auto first = written_ > 0 ? std::next(lines_.begin()) : lines_.begin();
  const auto last = std::prev(lines_.end());
  const auto oldest = std::find_if(first, last, [&](const Line& line) { return line.kind == kind; });
  if (oldest == last) return false;
  const auto is_state = [](const Line& line) { return line.kind == Kind::state; };
  if (kind == Kind::state && std::find_if(std::next(oldest), lines_.end(), is_state) == lines_.end()) return false;
  size_ -= oldest->bytes.size();
  lines_.erase(oldest);
  return true;
}

std::string_view LineQueue::front() const {
  return lines_.empty() ? std::string_view() : std::string_view(lines_.front().bytes).substr(written_);
}

void LineQueue::consume(std::size_t bytes) {
  written_ += bytes;
  if (written_ < lines_.front().bytes.size()) return;
  size_ -= lines_.front().bytes.size();
  lines_.pop_front();
  written_ = 0;
}

void LineQueue::clear() {
  lines_.clear();
  written_ = 0;
  size_ = 0;
}

}  // namespace entropy::injector
