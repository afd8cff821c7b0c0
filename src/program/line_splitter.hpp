// From the bytes of a stream to its lines; both ends of the channel use it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace entropy::program {

// A line longer than `longest` bytes is dropped.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t longest = 1 << 20) : longest_(longest) {}

  // `on_line` gets every line that is complete now, without its newline and the white space around it.
  void feed(std::string_view bytes, const std::function<void(std::string_view line)>& on_line);

 private:
  std::size_t longest_;
  std::string partial_;
  bool dropping_ = false;
};

}  // namespace entropy::program
