// What a stranger's image says is bounded, has nothing that a terminal obeys, and is the same wherever it is cut.
#include "program/custom_output.hpp"

#include <utility>

#include "check.hpp"
#include "program/foreign_text.hpp"

namespace entropy::fuzz {
namespace {

using program::CustomReader;

void check_text(std::string_view text) {
  require(text.size() <= program::longest_foreign_text);
  require(std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

void check_output(const program::CustomOutput& output) {
  if (const auto* line = std::get_if<program::CustomLine>(&output)) return check_text(line->text);
  const auto& header = std::get<program::CustomHeader>(output);
  require(header.available_failures.size() <= CustomReader::longest_list);
  require(header.validation_errors.size() <= CustomReader::longest_list);
  for (const auto& name : header.available_failures) check_text(name);
  for (const auto& error : header.validation_errors) {
    check_text(error.field);
    check_text(error.message);
  }
}

}  // namespace

void check(std::string_view input) {
  std::vector<program::CustomOutput> heard;
  const auto keep = [&](program::CustomOutput output) {
    check_output(output);
    heard.push_back(std::move(output));
  };
  CustomReader whole;
  if (!input.empty()) whole.feed(input.substr(1), keep);
  const auto wanted = std::exchange(heard, {});
  CustomReader cut;
  feed_in_pieces(input, [&](std::string_view piece) { cut.feed(piece, keep); });
  require(heard == wanted);
}

}  // namespace entropy::fuzz
