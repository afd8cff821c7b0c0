// Whatever a name server sends: packets are read within their bounds, and what is made of them is a packet again that
// says the same when it is judged once more.
#include "check.hpp"
#include "kernel/dns_message.hpp"
#include "kernel/name_answers.hpp"

namespace entropy::fuzz {
namespace {

using namespace kernel;

void check_message(View message, const Hearsay& hearsay) {
  const auto question = dns::question_of_answer(message);
  if (!question) return;
  require(question->end <= message.size());
  const Bytes said = dns::answer(message, *question, hearsay);
  require(dns::question_of_answer(said) == question);
  require(dns::answer(said, *question, hearsay) == said);
  const Bytes as_long = dns::answer_of_length(message, message.size(), *question, hearsay);
  require(as_long.size() <= message.size());
  require(dns::question_of_answer(as_long) == question);
}

void check_packet(View packet, const Hearsay& hearsay) {
  const std::vector<NameFault> faults = {{"fault", {"*"}, Duration(1), hearsay}};
  Tally tally;
  const Fate fate = judge(packet, faults, tally);
  if (!fate.changed) return;
  require(tally["fault"].altered > 0);
  const Fate again = judge(*fate.changed, faults, tally);
  require(again.changed.has_value());
  require(*again.changed == *fate.changed);
}

}  // namespace

void check(std::string_view input) {
  const Prefix address = *parse_prefix("192.0.2.9");
  const View bytes(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  for (const Hearsay& hearsay : {Hearsay(address), Hearsay(Denial::nxdomain)}) {
    check_message(bytes, hearsay);
    check_packet(bytes, hearsay);
  }
}

}  // namespace entropy::fuzz
