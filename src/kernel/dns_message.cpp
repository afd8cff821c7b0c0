#include "kernel/dns_message.hpp"

#include <algorithm>
#include <array>

namespace entropy::kernel::dns {
namespace {

constexpr std::size_t header_length = 12;
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_label = 63;
constexpr std::uint8_t pointer = 0xc0;
constexpr std::uint16_t internet = 1;
constexpr std::size_t record_head = 10;                   // type, class, time to live, length
constexpr std::size_t emptiest_record = 1 + record_head;  // of the root, without data
enum Code : std::uint8_t { no_error = 0, server_failure = 2, name_error = 3, refused = 5 };
enum Other : std::uint16_t { null_record = 10, opt = 41 };

// Flags: the first byte is QR, OPCODE, AA, TC, RD; the second RA, Z, AD, CD, RCODE.
constexpr std::uint8_t is_answer = 0x80;
constexpr std::uint8_t opcode = 0x78;
constexpr std::uint8_t recursion_desired = 0x01;
constexpr std::uint8_t recursion_available = 0x80;
constexpr std::uint8_t checking_disabled = 0x10;

std::optional<std::uint16_t> number_at(View message, std::size_t at) {
  if (message.size() < 2 || at > message.size() - 2) return std::nullopt;
  return static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]);
}

void put(Bytes& out, std::uint16_t number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8));
  out.push_back(static_cast<std::uint8_t>(number));
}

// In lower case; nullopt for what is in no host name, nor in those of services (_http._tcp).
std::optional<char> letter(std::uint8_t byte) {
  const char c = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
  const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  return allowed ? std::optional(c) : std::nullopt;
}

// A name without pointers, as a question's is; `at` moves behind it.
std::optional<std::string> plain_name(View message, std::size_t& at) {
  std::string name;
  const std::size_t begin = at;
  while (at < message.size() && message[at] != 0) {
    const std::size_t length = message[at++];
    if (length > longest_label || length > message.size() - at || at + length - begin >= longest_name) {
      return std::nullopt;
    }
    if (!name.empty()) name += '.';
    for (std::size_t i = 0; i < length; ++i) {
      const auto c = letter(message[at++]);
      if (!c) return std::nullopt;
      name += *c;
    }
  }
  if (at++ >= message.size()) return std::nullopt;
  return name;
}

// Behind a name of any kind, whose pointers are not followed; nullopt if it has no end.
std::optional<std::size_t> behind_name(View message, std::size_t at) {
  while (at < message.size()) {
    const std::size_t length = message[at];
    if (length == 0) return at + 1;
    if ((length & pointer) == pointer) return at + 2;
    if (length > longest_label) return std::nullopt;
    at += 1 + length;
  }
  return std::nullopt;
}

struct Record {
  std::uint16_t type = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::optional<Record> record_at(View message, std::size_t at) {
  const auto head = behind_name(message, at);
  const auto type = head ? number_at(message, *head) : std::nullopt;
  const auto length = head ? number_at(message, *head + record_head - 2) : std::nullopt;
  if (!type || !length || *length > message.size() - *head - record_head) return std::nullopt;
  return Record{*type, at, *head + record_head + *length};
}

// Without the upper bits of the code of its answer, which the header has no room for.
Bytes opt_record(View message, const Question& question) {
  std::size_t count = 0;
  for (const std::size_t at : {6u, 8u, 10u}) count += number_at(message, at).value_or(0);
  for (std::size_t at = question.end; count > 0; --count) {
    const auto record = record_at(message, at);
    if (!record) return {};
    if (record->type == opt && message[record->begin] == 0) {
      Bytes bytes(message.begin() + static_cast<std::ptrdiff_t>(record->begin),
                  message.begin() + static_cast<std::ptrdiff_t>(record->end));
      bytes[5] = 0;
      return bytes;
    }
    at = record->end;
  }
  return {};
}

Code code_of(const Hearsay& hearsay) {
  const auto* denial = std::get_if<Denial>(&hearsay);
  if (denial == nullptr) return no_error;
  switch (*denial) {
    case Denial::nxdomain:
      return name_error;
    case Denial::refused:
      return refused;
    case Denial::servfail:
    case Denial::none:
      return server_failure;
  }
  return server_failure;
}

// Of the name that was asked for, to be kept for no time. Empty where nothing is to be said to this type of question.
Bytes address_record(const Hearsay& hearsay, const Question& question) {
  const auto* address = std::get_if<Prefix>(&hearsay);
  if (address == nullptr || question.type != (address->ipv6 ? aaaa : a)) return {};
  const std::uint16_t length = address->ipv6 ? 16 : 4;
  Bytes record = {pointer, header_length};
  put(record, question.type);
  put(record, internet);
  record.insert(record.end(), 4, 0);
  put(record, length);
  record.insert(record.end(), address->bytes.begin(), address->bytes.begin() + length);
  return record;
}

// Header and question, with counts of records to come.
Bytes begin_answer(View message, const Question& question, Code code, std::uint16_t answers, std::uint16_t additional) {
  Bytes out(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(question.end));
  out[2] = static_cast<std::uint8_t>(is_answer | (out[2] & recursion_desired));
  out[3] = static_cast<std::uint8_t>((out[3] & (recursion_available | checking_disabled)) | code);
  Bytes counts;
  for (const std::uint16_t count : {answers, std::uint16_t{0}, additional}) put(counts, count);
  std::ranges::copy(counts, out.begin() + 6);
  return out;
}

void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

}  // namespace

std::optional<Question> question_of_answer(View message) {
  if (message.size() < header_length || (message[2] & (is_answer | opcode)) != is_answer) return std::nullopt;
  if (number_at(message, 4) != 1) return std::nullopt;
  std::size_t at = header_length;
  auto name = plain_name(message, at);
  const auto type = number_at(message, at);
  if (!name || !type || number_at(message, at + 2) != internet) return std::nullopt;
  return Question{std::move(*name), *type, at + 4};
}

bool fits(std::string_view name, std::string_view pattern) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return name == pattern;
  return name.size() >= pattern.size() && name.ends_with(pattern.substr(1));
}

bool concerns(const Hearsay& hearsay, const Question& question) {
  constexpr std::array with_addresses = {a, aaaa, svcb, https};
  return std::holds_alternative<Denial>(hearsay) ||
         std::ranges::any_of(with_addresses, [&](Type type) { return type == question.type; });
}

Bytes answer(View message, const Question& question, const Hearsay& hearsay) {
  const Bytes record = address_record(hearsay, question);
  const Bytes options = opt_record(message, question);
  Bytes out = begin_answer(message, question, code_of(hearsay), record.empty() ? 0 : 1, options.empty() ? 0 : 1);
  append(out, record);
  append(out, options);
  return out;
}

// Whatever followed the question were records, so there is room for none or for at least an empty one; whose head has
// to be in this part.
Bytes answer_of_length(View message, std::size_t length, const Question& question, const Hearsay& hearsay) {
  Bytes record = address_record(hearsay, question);
  Code code = code_of(hearsay);
  const auto has_room_behind = [&](std::size_t used) {
    return length == used ? message.size() == length : std::min(length, message.size()) >= used + emptiest_record;
  };
  if (!record.empty() && !has_room_behind(question.end + record.size())) {
    record.clear();
    code = server_failure;
  }
  const std::size_t used = question.end + record.size();
  const bool filled = length > used && has_room_behind(used);
  Bytes out = begin_answer(message, question, code, record.empty() ? 0 : 1, filled ? 1 : 0);
  append(out, record);
  if (filled) {
    out.push_back(0);
    put(out, null_record);
    put(out, internet);
    out.insert(out.end(), 4, 0);
    put(out, static_cast<std::uint16_t>(length - used - emptiest_record));
  }
  out.resize(std::min(length, message.size()));
  return out;
}

}  // namespace entropy::kernel::dns
