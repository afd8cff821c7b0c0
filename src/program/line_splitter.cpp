#include "program/line_splitter.hpp"

#include "base/text.hpp"

namespace entropy::program {

void LineSplitter::feed(std::string_view bytes, const std::function<void(std::string_view)>& on_line) {
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    if (!dropping_) partial_ += bytes.substr(0, newline);
    if (partial_.size() > longest_) {
      partial_.clear();
      dropping_ = true;
    }
    if (newline == std::string_view::npos) return;
    if (!dropping_) {
      const std::string line = std::move(partial_);
      partial_.clear();
      on_line(trim(line));
    }
    dropping_ = false;
    bytes.remove_prefix(newline + 1);
  }
}

}  // namespace entropy::program
