#include "store/write_ahead_log.hpp"

#include <bit>
#include <cstdint>
#include <string_view>

namespace entropy::store {
namespace {

constexpr std::size_t header_size = 32;
constexpr std::size_t frame_header_size = 24;

std::uint32_t word(std::string_view bytes, std::size_t at, bool big = true) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + (big ? i : 3 - i)]);
  return value;
}

struct Checksum {
  std::uint32_t even = 0;
  std::uint32_t odd = 0;
  bool operator==(const Checksum&) const = default;
};

Checksum checksum_at(std::string_view bytes, std::size_t at) { return {word(bytes, at), word(bytes, at + 4)}; }

Checksum add(Checksum sum, std::string_view bytes, bool big) {
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    sum.even += word(bytes, at, big) + sum.odd;
    sum.odd += word(bytes, at + 4, big) + sum.even;
  }
  return sum;
}

bool read(std::istream& log, std::string& bytes) {
  return static_cast<bool>(log.read(bytes.data(), static_cast<std::streamsize>(bytes.size())));
}

}  // namespace

std::string fault_of_log(std::istream& log) {
  std::string header(header_size, '\0');
  if (!read(log, header) || log.peek() == std::istream::traits_type::eof()) return "";  // nothing is in it
  constexpr std::uint32_t magic = 0x377f0682;
  const bool big = (word(header, 0) & 1) != 0;  // as checksums read words
  const std::uint32_t page_size = word(header, 8);
  // It is on the disk before anything follows it.
  if ((word(header, 0) & ~1U) != magic || add({}, header.substr(0, 24), big) != checksum_at(header, 24) ||
      page_size < 512 || page_size > 65536 || !std::has_single_bit(page_size)) {
    return "its header is spoilt";
  }
  // So is a transaction before the next one: one that goes on after another that is spoilt was no power failure.
  std::string frame(frame_header_size + page_size, '\0');
  const std::string_view bytes = frame;
  Checksum before = checksum_at(header, 24);
  bool spoilt = false;
  bool committed = false;  // by the frame before
  while (read(log, frame)) {
    const Checksum sum = add(add(before, bytes.substr(0, 8), big), bytes.substr(frame_header_size), big);
    before = checksum_at(bytes, 16);
    const bool whole = bytes.substr(8, 8) == header.substr(16, 8) && sum == before;  // of this log, not of a former one
    if (whole && spoilt && committed) return "a transaction in it is spoilt";
    spoilt |= !whole;
    committed = word(bytes, 4) != 0;
  }
  return "";
}

}  // namespace entropy::store
