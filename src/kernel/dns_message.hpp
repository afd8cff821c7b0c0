// Messages of the domain name system: RFC 1035, section 4; OPT records: RFC 6891. What comes from the network is never
// trusted: whatever does not fit reads as absent. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "kernel/netlink.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel::dns {

// Types of records that have addresses in them; RFC 1035, RFC 3596, RFC 9460.
enum Type : std::uint16_t { a = 1, aaaa = 28, svcb = 64, https = 65 };

struct Question {
  std::string name;  // in lower case, "db.example.com"; "" is the root
  std::uint16_t type = 0;
  std::size_t end = 0;  // where in the message it ends
  bool operator==(const Question&) const = default;
};

// The question of an answer to a standard query for one name of the Internet; nullopt for every other message, and for
// a name with bytes in it that no host name has. What follows the question may be missing.
std::optional<Question> question_of_answer(View message);

// "db" fits "db", "a.b.example.com" fits "*.example.com", everything fits "*".
bool fits(std::string_view name, std::string_view pattern);

// Whether the question is one that `hearsay` has something to say to: denials do to all, addresses to those for
// addresses.
bool concerns(const Hearsay& hearsay, const Question& question);

// The answer to the same question that says `hearsay` (not Denial::none) instead, and nothing that a cache would keep.
// The OPT record of the message stays, if there is one.
Bytes answer(View message, const Question& question, const Hearsay& hearsay);

// The same in just `length` bytes, or else (where an address has no room in it) a failure of the server; a record that
// means nothing fills them up. What is beyond the end of `message` may be as it is: of a message whose last part is yet
// to come, this is its first.
Bytes answer_of_length(View message, std::size_t length, const Question& question, const Hearsay& hearsay);

}  // namespace entropy::kernel::dns
