// What a custom injector image says on its output, as docs/injectors.md has it: a header, then lines of JSON. It is a
// stranger's program: nothing that it says is trusted, and everything is bounded.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "program/line_splitter.hpp"

namespace entropy::program {

struct CustomHeader {
  bool started = false;
  std::vector<std::string> available_failures;
  std::vector<FieldError> validation_errors;  // word for word, but for control characters
  std::string malformed;                      // why it is no header; empty: it is one
  bool operator==(const CustomHeader&) const = default;
};
// A line after the header, or of an image without one. `started` and `ended` are of the fault.
struct CustomLine {
  enum class Kind { started, ended, log } kind = Kind::log;
  std::string text;  // the event's message; of any other line, the line
  bool operator==(const CustomLine&) const = default;
};
using CustomOutput = std::variant<CustomHeader, CustomLine>;

// From the bytes of the output, cut anywhere, to what they say. A line above 16 KiB is dropped, texts are cut after
// 1 KiB, a header ends as malformed after 64 KiB; no list is longer than 100.
class CustomReader {
 public:
  void feed(std::string_view bytes, const std::function<void(CustomOutput)>& on_output);

  // Between the two lines of a header.
  bool in_header() const { return place_ == Place::inside; }

  static constexpr std::size_t longest_line = 16 << 10;
  static constexpr std::size_t longest_header = 64 << 10;
  static constexpr std::size_t longest_list = 100;

 private:
  void take(std::string_view line, const std::function<void(CustomOutput)>& on_output);

  LineSplitter lines_{longest_line};
  std::string header_;
  enum class Place { before, inside, behind } place_ = Place::before;
};

}  // namespace entropy::program
