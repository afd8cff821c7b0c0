// What waits to be written to standard output. Nobody may read it for hours: it is bounded, and what is dropped is what
// is missed least.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include "program/report.hpp"

namespace entropy::injector {

class LineQueue {
 public:
  explicit LineQueue(std::size_t limit = 256 * 1024) : limit_(limit) {}

  // Text that is not a report (the header); its newlines are its own. Never dropped.
  void push_text(std::string text);
  // Beyond the limit the oldest Log goes first, then the oldest State but for the last, then the oldest of what
  // remains; never a line that is half written, nor the newest.
  void push(const program::Report& report);

  bool empty() const { return lines_.empty(); }
  // What to write next; not empty where the queue is not.
  std::string_view front() const;
  // So many bytes of `front` have been written.
  void consume(std::size_t bytes);
  // The reader is gone for good.
  void clear();

 private:
  enum class Kind { log, state, fault, text };
  struct Line {
    Kind kind;
    std::string bytes;
  };

  bool drop_oldest(Kind kind);
  void append(Kind kind, std::string bytes);

  std::list<Line> lines_;
  std::size_t written_ = 0;  // of the first line
  std::size_t size_ = 0;     // of all lines
  std::size_t limit_;
};

}  // namespace entropy::injector
